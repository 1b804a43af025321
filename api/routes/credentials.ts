import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { allowedCommands } from '../../domain/lifecycle.ts'
import { tenantKeyName } from '../../domain/names.ts'
import type { Topology } from '../../domain/topology.ts'
import { topologyOf } from '../../isolation/strategies/by-profile.ts'
import { entityConnectionString } from '../../base/bus-endpoint.ts'
import { currentPlacement } from '../../domain/placement.ts'
import { acceptOperation } from '../../operations/accept.ts'
import { readManifestOf } from '../../operations/manifests.ts'
import { generationInForce, type TenantFacts } from '../../operations/rows.ts'
import { appendTo } from '../../registry/events.ts'
import { readSealer } from '../../registry/tenant-keys.ts'
import { placementsOf } from '../../registry/placements.ts'
import { transaction } from '../../registry/pool.ts'
import { readableSecrets } from '../../registry/secrets.ts'
import type { Sql } from '../../registry/sql.ts'
import { operationAnswer } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleCredentialsRequest } from '../examples.ts'
import { credentialsBody, credentialsSchema, operationSchema } from '../schemas.ts'
import { changeProblems, documentedBody, guards, idOrSlug, json, newApp, security, tenantParams } from './common.ts'

/** Reading and renewing the credentials of a tenant. What is read is never kept under an Idempotency-Key. */
export function credentialRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/tenants/{idOrSlug}/credentials',
      operationId: 'readCredentials',
      tags: ['commands'],
      security,
      parameters: guards,
      summary: 'Read the credentials of an active tenant, which is audited; with rotate, have them renewed',
      request: {
        params: tenantParams,
        body: documentedBody(['application/json'], credentialsBody, false, exampleCredentialsRequest),
      },
      responses: {
        200: json(credentialsSchema, 'The credentials'),
        202: json(z.object({ operation: operationSchema }), 'Being renewed; Location: the operation'),
        ...changeProblems(404, 410, 422),
      },
    }),
    async (c) => {
      const text = await readText(c)
      const { environment, rotate, reason } = parseBody(c, text, credentialsBody)
      const named = idOrSlug(c.req.valid('param').idOrSlug)
      const call = callOf(c, text)
      c.header('Cache-Control', 'no-store')
      if (rotate) {
        const { body, headers } = await runCommand(deps, call, async (sql) => {
          const tenant = await lockNamed(sql, call, named)
          await placementOf(sql, deps, tenant, environment)
          const wanted = { kind: 'rotate-credentials', parameters: { environment } } as const
          return operationAnswer(deps, tenant, await acceptOperation(sql, tenant, wanted, { ...call, reason }), 'start')
        })
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      }
      const credentials = await transaction(deps.orm.pool, async (sql) => {
        const tenant = await lockNamed(sql, call, named)
        c.set('tenantId', tenant.id)
        assertActive(tenant)
        const read = await readCredentials(sql, deps, tenant, environment)
        const { actor, correlationId } = call
        const kinds = read.bus === null ? ['database'] : ['database', 'bus']
        const data = { environment, kinds, ...(reason === undefined ? {} : { reason }) }
        await appendTo(sql, tenant.id, [{ type: 'TENANCY_CREDENTIALS_READ', actor, correlationId, data }])
        return read
      })
      return c.json(credentials, 200)
    },
  )
  return app
}

function assertActive({ state }: TenantFacts): void {
  if (state === 'active') return
  throw new FreeholdError(
    'transition_not_allowed',
    `credentials can be read while the tenant is active, and it is ${state}`,
    { facts: { state, allowed: allowedCommands(state) } },
  )
}

async function readCredentials(sql: Sql, deps: ApiDeps, tenant: TenantFacts, environment: string) {
  const placement = await placementOf(sql, deps, tenant, environment)
  const sealer = await readSealer(sql, deps.platformKey, tenant.id)
  const secrets = readableSecrets(sql, tenant.id, () => sealer)
  const { database, events } = topologyOf({ tenant, placement, site: placement.site })
  return {
    environment,
    database: databaseCredentials(
      database,
      await required(secrets, database.passwordSecret),
      placement.server?.sslmode,
    ),
    bus: events.transport === 'service-bus' ? busCredentials(events, await required(secrets, events.keySecret)) : null,
  }
}

async function required({ read }: Pick<ReturnType<typeof readableSecrets>, 'read'>, name: string): Promise<string> {
  const value = await read(name)
  if (value !== undefined) return value
  throw new FreeholdError('secret_unreadable', `there is no secret ${name}; rotate the credentials`)
}

/** @param sslmode what the URL of a server of the tenant's own says of TLS */
function databaseCredentials(
  { host, port, database, schema, role }: Topology['database'],
  password: string,
  sslmode: string | undefined,
) {
  const authority = `${encodeURIComponent(role)}:${encodeURIComponent(password)}@${host}:${port}`
  const tls = sslmode === undefined ? '' : `?sslmode=${sslmode}`
  const url = `postgresql://${authority}/${encodeURIComponent(database)}${tls}`
  return { host, port, database, schema, user: role, password, url }
}

function busCredentials(events: Extract<Topology['events'], { transport: 'service-bus' }>, key: string) {
  const { endpoint, topic, subscription } = events
  const connectionString = entityConnectionString(endpoint, { keyName: tenantKeyName, key, entity: topic })
  return { ...endpoint, topic, subscription, keyName: tenantKeyName, key, connectionString }
}

async function placementOf(sql: Sql, { platform }: ApiDeps, tenant: TenantFacts, environment: string) {
  const { resolved } = await readManifestOf(sql, tenant.id, generationInForce(tenant))
  const isInForce = resolved.spec.environments.some(({ name }) => name === environment)
  const placement = isInForce ? currentPlacement(await placementsOf(sql, platform, tenant), environment) : undefined
  if (placement !== undefined) return placement
  throw new FreeholdError('environment_not_found', `tenant ${tenant.slug} has no environment "${environment}"`)
}
