import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { manifestTypes, parseManifest, readText } from '../body.ts'
import { apply, create } from '../apply.ts'
import { callOf, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleManifest } from '../examples.ts'
import { operationSchema, tenantSchema } from '../schemas.ts'
import { changeProblems, documentedBody, guards, json, newApp, security, tenantParams } from './common.ts'

const manifestBody = documentedBody(
  manifestTypes,
  { $ref: '#/components/schemas/TenantManifest' },
  true,
  exampleManifest,
)
const accepted = json(
  z.object({ tenant: tenantSchema, operation: operationSchema }),
  'Accepted; Location: the operation',
)

/** Manifests: what creates a tenant, updates it, or leaves it as it is. */
export function manifestRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const common = { tags: ['commands'], security, parameters: guards }

  app.openapi(
    createRoute({
      ...common,
      method: 'post',
      path: '/v1/tenants',
      operationId: 'createTenant',
      summary: 'Create a tenant from a manifest',
      request: { body: manifestBody },
      responses: { 202: accepted, ...changeProblems(422) },
    }),
    async (c) => {
      const text = await readText(c)
      const given = { manifest: parseManifest(c, text), text }
      const call = callOf(c, text)
      const { body, headers } = await runCommand(deps, call, (sql) => create(sql, deps, call, given))
      c.set('tenantId', body.tenant.id)
      return c.json(body, 202, headers)
    },
  )

  app.openapi(
    createRoute({
      ...common,
      method: 'put',
      path: '/v1/tenants/{idOrSlug}',
      operationId: 'applyTenant',
      summary: 'Apply a manifest: creates the tenant when the slug is new, updates it when something differs',
      request: { params: tenantParams, body: manifestBody },
      responses: {
        200: json(
          z.object({ tenant: tenantSchema, operation: z.union([operationSchema, z.null()]), changed: z.boolean() }),
          'In force already',
        ),
        202: json(
          z.object({ tenant: tenantSchema, operation: z.union([operationSchema, z.null()]), changed: z.boolean() }),
          'Accepted; Location: the operation',
        ),
        ...changeProblems(422),
      },
    }),
    async (c) => {
      const text = await readText(c)
      const given = { manifest: parseManifest(c, text), text }
      const { slug } = given.manifest.metadata
      if (c.req.valid('param').idOrSlug !== slug)
        throw new FreeholdError('invalid_request', 'the slug in the path is not metadata.slug of the manifest', {
          details: [{ path: 'metadata.slug', message: `is "${slug}", which is not the slug in the path` }],
        })
      const call = callOf(c, text)
      const run = () => runCommand(deps, call, (sql) => apply(sql, deps, call, given))
      const { status, body, headers } = await run().catch((error: unknown) => {
        // Somebody else created it between the look and the insert: now there is something to compare with.
        if (error instanceof FreeholdError && error.code === 'slug_taken') return run()
        throw error
      })
      c.set('tenantId', body.tenant.id)
      return c.json(body, status, headers)
    },
  )

  return app
}
