import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { canonicalText } from '../../crypto/hash-chain.ts'
import { sha256 } from '../../crypto/tokens.ts'
import { tenantContext } from '../../domain/context.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { currentPlacement } from '../../domain/placement.ts'
import { generationInForce } from '../../operations/rows.ts'
import { readEvents } from '../../registry/events.ts'
import { resourcesOf } from '../../registry/ledger.ts'
import { topologyOf } from '../../isolation/strategies/by-profile.ts'
import { placementsOf } from '../../registry/placements.ts'
import { sqlOf } from '../../registry/pool.ts'
import { listTenants } from '../../registry/queries.ts'
import { one } from '../../registry/sql.ts'
import { tenantSummaries } from '../../registry/tenant-summaries.ts'
import { findTenant, readGeneration } from '../../registry/tenants.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import {
  contextQuery,
  contextSchema,
  eventSchema,
  eventsQuery,
  noQuery,
  resourceSchema,
  tenantSchema,
  tenantsQuery,
} from '../schemas.ts'
import { eventView, resourceView, tenantView } from '../views.ts'
import { idOrSlug, json, newApp, page, readProblems, security, tenantParams } from './common.ts'

/** Answers 304 to who has the same already, by the ETag that the handler gives. */
const unchangedIsEnough = etag({ retainedHeaders: [...RETAINED_304_HEADERS, 'x-correlation-id'] })

const get = (path: string, operationId: string) => ({
  method: 'get' as const,
  path,
  operationId,
  tags: ['tenants'],
  security,
})

/** Reading tenants. */
export function tenantRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const { orm } = deps

  app.openapi(
    createRoute({
      ...get('/v1/tenants', 'listTenants'),
      summary: 'List tenants, oldest first; purged ones only with state=purged',
      request: { query: tenantsQuery },
      responses: {
        200: json(z.object({ items: z.array(tenantSchema), nextCursor: z.string().nullable() }), 'A page of tenants'),
        ...readProblems(),
      },
    }),
    async (c) => {
      const { limit, cursor, state, profile, label } = c.req.valid('query')
      const em = orm.em.fork()
      const filter = { state, profile, labels: Object.fromEntries(label ?? []) }
      const { items, nextCursor } = page(await listTenants(em, filter, { limit: limit + 1, after: cursor }), limit)
      const summaries = await tenantSummaries(
        sqlOf(orm.pool),
        items.map(({ id }) => id),
      )
      return c.json({ items: summaries.map(tenantView), nextCursor }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}', 'getTenant'),
      summary: 'One tenant with the manifest in force, resolved; the ETag is its generation',
      request: { params: tenantParams },
      responses: { 200: json(tenantSchema, 'The tenant'), ...readProblems(404, 410) },
    }),
    async (c) => {
      const em = orm.em.fork()
      const tenant = await findTenant(em, idOrSlug(c.req.valid('param').idOrSlug))
      c.set('tenantId', tenant.id)
      const view = tenantView(await one(tenantSummaries(sqlOf(orm.pool), [tenant.id])))
      const { resolved } = await readGeneration(em, tenant.id, generationInForce(tenant))
      c.header('ETag', `"${tenant.generation}"`)
      return c.json({ ...view, manifest: resolved }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}/context', 'getTenantContext'),
      summary: 'The tenant context of one environment; the ETag is its hash',
      middleware: unchangedIsEnough,
      request: { params: tenantParams, query: contextQuery },
      responses: {
        200: json(contextSchema, 'The context'),
        304: { description: 'Unchanged' },
        ...readProblems(404, 410),
      },
    }),
    async (c) => {
      const em = orm.em.fork()
      const tenant = await findTenant(em, idOrSlug(c.req.valid('param').idOrSlug))
      c.set('tenantId', tenant.id)
      const { environment } = c.req.valid('query')
      const placements = await placementsOf(sqlOf(orm.pool), deps.platform, tenant)
      const { resolved } = await readGeneration(em, tenant.id, generationInForce(tenant))
      // One that is about to be added has a placement, and is not told of before it is in force.
      const isInForce = resolved.spec.environments.some(({ name }) => name === environment)
      const placement = isInForce ? currentPlacement(placements, environment) : undefined
      if (placement === undefined)
        throw new FreeholdError(
          'environment_not_found',
          placements.length === 0 && isInForce
            ? `environment "${environment}" of tenant ${tenant.slug} lives nowhere while the tenant is ${tenant.state}`
            : `tenant ${tenant.slug} has no environment "${environment}"`,
        )
      const context = tenantContext(
        tenant,
        resolved,
        placement,
        topologyOf({ tenant, placement, site: placement.site }),
      )
      c.header('ETag', `"${sha256(canonicalText(context))}"`)
      c.header('Cache-Control', 'private, no-cache')
      return c.json(context, 200)
    },
  )

  app.openapi(
    createRoute({
      ...get('/v1/tenants/{idOrSlug}/resources', 'listTenantResources'),
      summary: 'What the ledger says the tenant has',
      request: { params: tenantParams, query: noQuery },
      responses: {
        200: json(z.object({ items: z.array(resourceSchema) }), 'The resources'),
        ...readProblems(404, 410),
      },
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
      ...get('/v1/tenants/{idOrSlug}/events', 'listTenantEvents'),
      summary: 'The audit trail of the tenant, chained by hash; by id also of a purged one',
      request: { params: tenantParams, query: eventsQuery },
      responses: {
        200: json(z.object({ items: z.array(eventSchema), nextAfter: z.int().nullable() }), 'Events in order'),
        ...readProblems(404, 410),
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
