import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { canonicalText } from '../../crypto/hash-chain.ts'
import { sha256 } from '../../crypto/tokens.ts'
import { tenantContext } from '../../domain/context.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { siteOf } from '../../registry/cells.ts'
import { readEvents } from '../../registry/events.ts'
import { topologyOf } from '../../isolation/strategy.ts'
import { resourcesOf } from '../../registry/ledger.ts'
import { listTenants, placementsOf } from '../../registry/queries.ts'
import { findTenant, readGeneration } from '../../registry/tenants.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import {
  contextQuery,
  contextSchema,
  eventSchema,
  eventsQuery,
  resourceSchema,
  tenantSchema,
  tenantsQuery,
} from '../schemas.ts'
import { eventView, resourceView, tenantViews } from '../views.ts'
import { idOrSlug, json, newApp, page, problems, security, tenantParams } from './common.ts'

const get = (path: string) => ({ method: 'get' as const, path, tags: ['tenants'], security })

/** Reading tenants. */
export function tenantRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const { orm } = deps

  app.openapi(
    createRoute({
      ...get('/v1/tenants'),
      summary: 'List tenants, oldest first; purged ones only with state=purged',
      request: { query: tenantsQuery },
      responses: {
        200: json(z.object({ items: z.array(tenantSchema), nextCursor: z.string().nullable() }), 'A page of tenants'),
        ...problems,
      },
    }),
    async (c) => {
      const { limit, cursor, state, profile, label } = c.req.valid('query')
      const em = orm.em.fork()
      const filter = { state, profile, labels: Object.fromEntries(label ?? []) }
      const { items, nextCursor } = page(await listTenants(em, filter, { limit: limit + 1, after: cursor }), limit)
      return c.json({ items: await tenantViews(em, items), nextCursor }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}'),
      summary: 'One tenant with its resolved manifest; the ETag is its generation',
      request: { params: tenantParams },
      responses: { 200: json(tenantSchema, 'The tenant'), ...problems },
    }),
    async (c) => {
      const em = orm.em.fork()
      const tenant = await findTenant(em, idOrSlug(c.req.valid('param').idOrSlug))
      c.set('tenantId', tenant.id)
      const [view] = await tenantViews(em, [tenant])
      if (view === undefined) throw new Error(`tenant ${tenant.id} has no view`)
      const { resolved } = await readGeneration(em, tenant.id, tenant.generation)
      c.header('ETag', `"${tenant.generation}"`)
      return c.json({ ...view, manifest: resolved }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}/context'),
      summary: 'The tenant context of one environment; the ETag is its hash',
      request: { params: tenantParams, query: contextQuery },
      responses: { 200: json(contextSchema, 'The context'), 304: { description: 'Unchanged' }, ...problems },
    }),
    async (c) => {
      const em = orm.em.fork()
      const tenant = await findTenant(em, idOrSlug(c.req.valid('param').idOrSlug))
      c.set('tenantId', tenant.id)
      const { environment } = c.req.valid('query')
      const placement = (await placementsOf(em, [tenant.id])).findLast((one) => one.environment === environment)
      if (placement === undefined)
        throw new FreeholdError('environment_not_found', `tenant ${tenant.slug} has no environment "${environment}"`)
      const { resolved } = await readGeneration(em, tenant.id, tenant.observedGeneration || tenant.generation)
      const site = await siteOf(em, deps.platform, resolved.spec.plan, placement)
      const context = tenantContext(tenant, resolved, placement, topologyOf({ tenant, placement, site }))
      const etag = `"${sha256(canonicalText(context))}"`
      c.header('ETag', etag)
      c.header('Cache-Control', 'private, no-cache')
      if (matches(c.req.header('if-none-match'), etag)) return c.body(null, 304)
      return c.json(context, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}/resources'),
      summary: 'What the ledger says the tenant has',
      request: { params: tenantParams },
      responses: { 200: json(z.object({ items: z.array(resourceSchema) }), 'The resources'), ...problems },
    }),
    async (c) => {
      const em = orm.em.fork()
      const tenant = await findTenant(em, idOrSlug(c.req.valid('param').idOrSlug), { purged: true })
      c.set('tenantId', tenant.id)
      return c.json({ items: (await resourcesOf(em, tenant.id)).map(resourceView) }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}/events'),
      summary: 'The audit trail of the tenant, chained by hash; by id also of a purged one',
      request: { params: tenantParams, query: eventsQuery },
      responses: {
        200: json(z.object({ items: z.array(eventSchema), nextAfter: z.int().nullable() }), 'Events in order'),
        ...problems,
      },
    }),
    async (c) => {
      const em = orm.em.fork()
      const tenant = await findTenant(em, idOrSlug(c.req.valid('param').idOrSlug), { purged: true })
      c.set('tenantId', tenant.id)
      const { after, limit } = c.req.valid('query')
      const rows = await readEvents(em, tenant.id, after, limit + 1)
      const items = rows.slice(0, limit).map(eventView)
      return c.json({ items, nextAfter: rows.length > limit ? (items.at(-1)?.seq ?? null) : null }, 200)
    },
  )

  return app
}

function matches(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}
