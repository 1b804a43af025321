import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { stringify } from 'yaml'
import { FreeholdError } from '../../domain/errors.ts'
import { compareObserved } from '../../operations/drift.ts'
import { exportTenant } from '../../operations/export-manifest.ts'
import { previewManifest } from '../../operations/preview-manifest.ts'
import { sqlOf, transaction } from '../../registry/pool.ts'
import { findTenant } from '../../registry/tenants.ts'
import { manifestTypes, parseManifest, readText } from '../body.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleManifest } from '../examples.ts'
import { diffSchema, previewSchema } from '../preview-schemas.ts'
import { documentedBody, idOrSlug, json, newApp, problems, readProblems, security, tenantParams } from './common.ts'

const manifestReference = { $ref: '#/components/schemas/TenantManifest' }

/** What a manifest would do, what is not as it should be, and the manifest in force. None of them changes a tenant. */
export function comparingRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const { orm, platform, platformKey, migrations, starter } = deps
  const common = { tags: ['tenants'], security }

  app.openapi(
    createRoute({
      ...common,
      method: 'post',
      path: '/v1/tenants:preview',
      operationId: 'previewManifest',
      summary: 'What applying a manifest would create, change and remove, and what would deny it; nothing is written',
      request: { body: documentedBody(manifestTypes, manifestReference, true, exampleManifest) },
      responses: {
        200: json(previewSchema, 'What would be done'),
        ...problems(400, 401, 403, 409, 413, 415, 422),
      },
    }),
    async (c) => {
      const manifest = parseManifest(c, await readText(c))
      const versions = await migrations.versions()
      const preview = await transaction(orm.pool, async (sql) => {
        // The database itself sees to it that nothing is written, and all is read as it was at one moment.
        await sql({ text: 'set transaction isolation level repeatable read, read only' })
        return previewManifest(sql, { platform, platformKey }, manifest, versions)
      })
      return c.json(
        {
          ...preview,
          fields: [...preview.fields],
          changes: preview.changes.map((change) => ({ ...change, steps: [...change.steps] })),
          violations: [...preview.violations],
        },
        200,
      )
    },
  )

  app.openapi(
    createRoute({
      ...common,
      method: 'get',
      path: '/v1/tenants/{idOrSlug}/diff',
      operationId: 'diffTenant',
      summary: 'Where what there is differs from what the manifest in force asks for; a worker looks now',
      request: { params: tenantParams },
      responses: { 200: json(diffSchema, 'The differences; none: all is as it should be'), ...readProblems(404, 410) },
    }),
    async (c) => {
      const { id } = await findTenant(orm.em.fork(), idOrSlug(c.req.valid('param').idOrSlug))
      c.set('tenantId', id)
      const observed = await starter.observe(id)
      const { tenant, generation, drift } = await compareObserved(sqlOf(orm.pool), platform, id, observed)
      return c.json({ tenant: { id, slug: tenant.slug }, generation, drift }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...common,
      method: 'get',
      path: '/v1/tenants/{idOrSlug}/manifest',
      operationId: 'exportManifest',
      summary: 'The manifest in force with its contacts, as it can be applied; that it was given is an event',
      request: { params: tenantParams },
      responses: {
        200: {
          description: 'The manifest; as YAML for who accepts application/yaml',
          content: {
            'application/json': { schema: manifestReference },
            'application/yaml': { schema: manifestReference },
          },
        },
        ...readProblems(403, 404, 410),
      },
    }),
    async (c) => {
      const { role, name } = c.get('apiKey')
      if (role === 'platform-auditor')
        throw new FreeholdError('forbidden', `role ${role} may not see contacts; platform-operator may`)
      const requester = { actor: `key:${name}` as const, correlationId: c.get('correlationId') }
      const named = idOrSlug(c.req.valid('param').idOrSlug)
      const { tenant, generation, manifest } = await transaction(orm.pool, (sql) =>
        exportTenant(sql, platformKey, named, requester),
      )
      c.set('tenantId', tenant)
      c.header('ETag', `"${generation}"`)
      c.header('Cache-Control', 'no-store')
      c.header('Vary', 'Accept')
      if (!/\b(application|text)\/(x-)?yaml\b/i.test(c.req.header('accept') ?? '')) return c.json(manifest, 200)
      return c.body(stringify(manifest), 200, { 'Content-Type': 'application/yaml; charset=utf-8' })
    },
  )

  return app
}
