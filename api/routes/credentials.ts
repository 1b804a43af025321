import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { allowedCommands } from '../../domain/lifecycle.ts'
import { topology } from '../../domain/topology.ts'
import { cellFacts, cellsByName } from '../../registry/cells.ts'
import type { TenantRow } from '../../registry/entities/tenant.ts'
import { appendEvents } from '../../registry/events.ts'
import type { EntityManager } from '../../registry/orm.ts'
import { placementsOf } from '../../registry/queries.ts'
import { tenantSecrets } from '../../registry/secrets.ts'
import { findTenant } from '../../registry/tenants.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockTenant, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { startOperation } from '../operation-commands.ts'
import { credentialsBody, credentialsSchema, operationSchema } from '../schemas.ts'
import { documentedBody, guards, idOrSlug, json, newApp, problems, security, tenantParams } from './common.ts'

/** Reading and renewing the credentials of a tenant. What is read is never kept under an Idempotency-Key. */
export function credentialRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/tenants/{idOrSlug}/credentials',
      tags: ['commands'],
      security,
      parameters: guards,
      summary: 'Read the credentials of an active tenant, which is audited; with rotate, have them renewed',
      request: { params: tenantParams, body: documentedBody(['application/json'], credentialsBody, false) },
      responses: {
        200: json(credentialsSchema, 'The credentials'),
        202: json(z.object({ operation: operationSchema }), 'Being renewed; Location: the operation'),
        ...problems,
      },
    }),
    async (c) => {
      const text = await readText(c)
      const { environment, rotate, reason } = parseBody(c, text, credentialsBody)
      const named = idOrSlug(c.req.valid('param').idOrSlug)
      const call = callOf(c, text)
      c.header('Cache-Control', 'no-store')
      if (rotate) {
        const { body, headers } = await runCommand(deps, call, async (em) => {
          await placementOf(em, await findTenant(em, named), environment)
          const parameters = { environment }
          return startOperation(em, deps, call, { tenant: named, kind: 'rotate-credentials', reason, parameters })
        })
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      }
      const credentials = await deps.orm.em.fork().transactional(async (em) => {
        const tenant = await lockTenant(em, call, named)
        c.set('tenantId', tenant.id)
        assertActive(tenant)
        const read = await readCredentials(em, deps.platformKey, tenant, environment)
        const { actor, correlationId } = call
        const data = { environment, kind: 'database', ...(reason === undefined ? {} : { reason }) }
        await appendEvents(em, tenant.id, [{ type: 'TENANCY_CREDENTIALS_READ', actor, correlationId, data }])
        return read
      })
      return c.json(credentials, 200)
    },
  )
  return app
}

function assertActive({ state }: TenantRow): void {
  if (state === 'active') return
  throw new FreeholdError(
    'transition_not_allowed',
    `credentials can be read while the tenant is active, and it is ${state}`,
    { facts: { state, allowed: allowedCommands(state) } },
  )
}

async function readCredentials(em: EntityManager, platformKey: Buffer, tenant: TenantRow, environment: string) {
  const placement = await placementOf(em, tenant, environment)
  const cell = (await cellsByName(em)).get(placement.cell)
  if (cell === undefined)
    throw new FreeholdError('configuration_invalid', `cell "${placement.cell}" is not in the registry`)
  const { host, port, database, schema, role, passwordSecret } = topology(tenant, placement, cellFacts(cell)).database
  const password = await tenantSecrets(em, platformKey, tenant.id).read(passwordSecret)
  if (password === undefined)
    throw new FreeholdError('secret_unreadable', `there is no secret ${passwordSecret}; rotate the credentials`)
  const authority = `${encodeURIComponent(role)}:${encodeURIComponent(password)}@${host}:${port}`
  const url = `postgresql://${authority}/${encodeURIComponent(database)}`
  return { environment, database: { host, port, database, schema, user: role, password, url } }
}

async function placementOf(em: EntityManager, tenant: TenantRow, environment: string) {
  const placement = (await placementsOf(em, [tenant.id])).findLast((one) => one.environment === environment)
  if (placement !== undefined) return placement
  throw new FreeholdError('environment_not_found', `tenant ${tenant.slug} has no environment "${environment}"`)
}
