import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import type { EntityManager } from '../../registry/orm.ts'
import { findTenant } from '../../registry/tenants.ts'
import { manifestTypes, parseBody, parseManifest, readText } from '../body.ts'
import { callOf, lockTenant, runCommand, type Accepted, type Call } from '../command.ts'
import { createTenant, isInForce } from '../create-tenant.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { abortOperation, retryOperation, startOperation } from '../operation-commands.ts'
import { exampleManifest, exampleReason } from '../examples.ts'
import { operationSchema, reasonBody, tenantSchema } from '../schemas.ts'
import { tenantViews, type OperationView, type TenantView } from '../views.ts'
import {
  changeProblems,
  documentedBody,
  guards,
  idOrSlug,
  json,
  newApp,
  security,
  tenantParams,
  transition,
} from './common.ts'

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
const operationAccepted = json(z.object({ operation: operationSchema }), 'Accepted; Location: the operation')
type Wish = { manifest: ReturnType<typeof parseManifest>; text: string }
type Applied = { tenant: TenantView; operation: OperationView | null; changed: boolean }

/** Everything that changes a tenant. */
export function commandRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
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
      const wish = { manifest: parseManifest(c, text), text }
      const { body, headers } = await runCommand(deps, callOf(c, text), (em, call) =>
        createTenant(em, deps, call, wish),
      )
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
      summary: 'Apply a manifest: creates the tenant when the slug is new, changes nothing when it is in force',
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
      const wish = { manifest: parseManifest(c, text), text }
      const { slug } = wish.manifest.metadata
      if (c.req.valid('param').idOrSlug !== slug)
        throw new FreeholdError('invalid_request', 'the slug in the path is not metadata.slug of the manifest', {
          details: [{ path: 'metadata.slug', message: `is "${slug}", which is not the slug in the path` }],
        })
      const call = callOf(c, text)
      const run = () => runCommand(deps, call, (em) => apply(em, deps, call, wish))
      const { status, body, headers } = await run().catch((error: unknown) => {
        // Somebody else created it between the look and the insert: now there is something to compare with.
        if (error instanceof FreeholdError && error.code === 'slug_taken') return run()
        throw error
      })
      c.set('tenantId', body.tenant.id)
      return c.json(body, status, headers)
    },
  )

  app.openapi(
    createRoute({
      ...common,
      method: 'delete',
      path: '/v1/tenants/{idOrSlug}',
      operationId: 'deleteTenant',
      summary: 'Purge a tenant; only a failed one',
      request: { params: tenantParams, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
      responses: { 202: operationAccepted, ...changeProblems(404, 410) },
    }),
    async (c) => {
      const text = await readText(c)
      const { reason } = parseBody(c, text, reasonBody)
      const tenant = idOrSlug(c.req.valid('param').idOrSlug)
      const { body, headers } = await runCommand(deps, callOf(c, text), (em, call) =>
        startOperation(em, deps, call, { tenant, kind: 'purge', reason }),
      )
      c.set('tenantId', body.operation.tenant.id)
      return c.json(body, 202, headers)
    },
  )

  const verbs = [
    { verb: 'retry', summary: 'Roll the interrupted or failed operation forward again', carryOut: retryOperation },
    { verb: 'abort', summary: 'Have the open operation undo what it made', carryOut: abortOperation },
  ]
  for (const { verb, summary, carryOut } of verbs)
    app.openapi(
      createRoute({
        ...common,
        method: 'post',
        path: `/v1/tenants/{idOrSlug}/${verb}`,
        ...transition(verb, summary),
        request: { params: tenantParams, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
        responses: { 202: operationAccepted, ...changeProblems(404, 410) },
      }),
      async (c) => {
        const text = await readText(c)
        const { reason } = parseBody(c, text, reasonBody)
        const tenant = idOrSlug(c.req.param('idOrSlug') ?? '')
        const { body, headers } = await runCommand(deps, callOf(c, text), (em, call) =>
          carryOut(em, deps, call, tenant, reason),
        )
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      },
    )

  return app
}

async function apply(em: EntityManager, deps: ApiDeps, call: Call, wish: Wish): Promise<Accepted<Applied>> {
  const { slug } = wish.manifest.metadata
  const isThere = await findTenant(em, slug).catch((error: unknown) => {
    if (error instanceof FreeholdError && error.code === 'tenant_not_found') return null
    throw error
  })
  if (isThere === null) {
    if (call.ifMatch !== undefined)
      throw new FreeholdError(
        'generation_mismatch',
        `If-Match asks for a tenant that is there, and there is no tenant "${slug}"`,
      )
    const created = await createTenant(em, deps, call, wish)
    return { ...created, body: { ...created.body, changed: true } }
  }
  const tenant = await lockTenant(em, call, isThere.id)
  if (!(await isInForce(em, deps, tenant, wish)))
    throw new FreeholdError(
      'not_available',
      `tenant ${slug} exists with another manifest, and update is not available in this release`,
    )
  const [view] = await tenantViews(em, [tenant])
  if (view === undefined) throw new Error(`tenant ${tenant.id} has no view`)
  return { status: 200, headers: {}, body: { tenant: view, operation: null, changed: false } }
}
