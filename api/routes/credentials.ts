import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { allowedCommands } from '../../domain/lifecycle.ts'
import { tenantKeyName } from '../../domain/names.ts'
import type { Topology } from '../../domain/topology.ts'
import { entityConnectionString } from '../../base/bus-endpoint.ts'
import { topologyOf } from '../../isolation/strategy.ts'
import { siteOf } from '../../registry/cells.ts'
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
        const read = await readCredentials(em, deps, tenant, environment)
        const { actor, correlationId } = call
        const kinds = read.bus === null ? ['database'] : ['database', 'bus']
        const data = { environment, kinds, ...(reason === undefined ? {} : { reason }) }
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

async function readCredentials(em: EntityManager, deps: ApiDeps, tenant: TenantRow, environment: string) {
  const placement = await placementOf(em, tenant, environment)
  const site = await siteOf(em, deps.platform, tenant.plan, placement)
  const secrets = tenantSecrets(em, deps.platformKey, tenant.id)
  const { database, events } = topologyOf({ tenant, placement, site })
  return {
    environment,
    database: databaseCredentials(database, await required(secrets, database.passwordSecret)),
    bus: events.transport === 'service-bus' ? busCredentials(events, await required(secrets, events.keySecret)) : null,
  }
}

async function required({ read }: Pick<ReturnType<typeof tenantSecrets>, 'read'>, name: string): Promise<string> {
  const value = await read(name)
  if (value !== undefined) return value
  throw new FreeholdError('secret_unreadable', `there is no secret ${name}; rotate the credentials`)
}

function databaseCredentials({ host, port, database, schema, role }: Topology['database'], password: string) {
  const authority = `${encodeURIComponent(role)}:${encodeURIComponent(password)}@${host}:${port}`
  const url = `postgresql://${authority}/${encodeURIComponent(database)}`
  return { host, port, database, schema, user: role, password, url }
}

function busCredentials(events: Extract<Topology['events'], { transport: 'service-bus' }>, key: string) {
  const { endpoint, topic, subscription } = events
  const connectionString = entityConnectionString(endpoint, { keyName: tenantKeyName, key, entity: topic })
  return { ...endpoint, topic, subscription, keyName: tenantKeyName, key, connectionString }
}

async function placementOf(em: EntityManager, tenant: TenantRow, environment: string) {
  const placement = (await placementsOf(em, [tenant.id])).findLast((one) => one.environment === environment)
  if (placement !== undefined) return placement
  throw new FreeholdError('environment_not_found', `tenant ${tenant.slug} has no environment "${environment}"`)
}
