import type { Actor } from '../domain/events.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import { assertTransition, lifecycle, runsBeside, runsWhileSoaking } from '../domain/lifecycle.ts'
import type { OperationKind } from '../domain/operation.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { appendTo } from '../registry/events.ts'
import { one, type Sql } from '../registry/sql.ts'
import { findTenantId } from '../registry/tenants.ts'
import { judgeTenant } from './judge.ts'
import { kindOf } from './kinds/index.ts'
import { assertNotSoaking } from './relocation-end.ts'
import { assertMayEnd } from './legal-hold.ts'
import { generationInForce, isOpenNow, operationColumns, tenantFacts, type TenantFacts } from './rows.ts'
import { operationEvent } from './operation-event.ts'

/** Who asks, and on whose trail. */
export type Requester = { readonly actor: Actor; readonly correlationId: string; readonly reason?: string | undefined }

/** What is asked for: a kind of operation, what it needs to know, and when it is due (now, unless it says so). */
export type Wanted = {
  readonly kind: OperationKind
  readonly parameters?: JsonObject
  readonly dueAt?: Date
  /** The manifest it is about; the one in force, unless it says so. */
  readonly generation?: number
}

/**
 * Locks a tenant, named by id or by slug, until the transaction ends, and gives what is known of it. Throws
 * `tenant_not_found`, and `tenant_gone` for a purged one.
 */
export async function lockTenant(sql: Sql, idOrSlug: string): Promise<TenantFacts> {
  const id = await requireTenantId(sql, idOrSlug)
  const { facts } = await one(
    sql<{ facts: TenantFacts }>({
      name: 'lock-tenant',
      text: `select ${tenantFacts} as facts from tenants t where id = $1 for no key update`,
      values: [id],
    }),
  )
  if (facts.state === 'purged') throw new FreeholdError('tenant_gone', `tenant ${id} was purged`)
  return facts
}

/** Id of a tenant by its id or its slug. Throws `tenant_not_found`. */
export async function requireTenantId(sql: Sql, idOrSlug: string): Promise<string> {
  const id = await findTenantId(sql, idOrSlug)
  if (id === undefined) throw new FreeholdError('tenant_not_found', `there is no tenant "${idOrSlug.slice(0, 64)}"`)
  return id
}

type Open = Pick<OperationRow, 'id' | 'kind' | 'state'>

/**
 * Throws unless a command may start now: `operation_in_progress` while an open operation is in its way, and
 * `transition_not_allowed` by the lifecycle table, and what `assertMayEnd` throws. What runs beside an open operation is possible in every state. The tenant is
 * locked by the caller.
 */
export async function assertMayStart(
  sql: Sql,
  kind: OperationKind,
  { id, slug, state }: Pick<TenantFacts, 'id' | 'slug' | 'state'>,
): Promise<void> {
  const open = await sql<Open>({
    name: 'in-the-way',
    text: `select id, kind, state from operations where tenant_id = $1 and ${isOpenNow} order by id`,
    values: [id],
  })
  const inTheWay = open.find((one) => !runsBeside(kind, one.kind))
  if (inTheWay !== undefined)
    throw new FreeholdError(
      'operation_in_progress',
      `operation ${inTheWay.id} (${inTheWay.kind}, ${inTheWay.state}) holds tenant ${slug}; wait for it or abort it`,
      { facts: { operationId: inTheWay.id, kind: inTheWay.kind, state: inTheWay.state } },
    )
  if (open.length === 0) assertTransition(kind, state)
  if (!runsWhileSoaking(kind)) await assertNotSoaking(sql, { id, slug })
  await assertMayEnd(sql, kind, { id, slug })
}

/**
 * Accepts a command for a tenant that the caller has locked. One that is due later is `scheduled`: it holds nothing, and is
 * checked and judged when it is due. Throws what `assertMayStart` throws, and `policy_denied`.
 */
export async function acceptOperation(
  sql: Sql,
  tenant: TenantFacts,
  { kind, parameters = {}, dueAt, generation = generationInForce(tenant) }: Wanted,
  requester: Requester,
): Promise<OperationRow> {
  const { exclusive } = lifecycle[kind]
  let policyVersion = 0
  if (dueAt === undefined) {
    await assertMayStart(sql, kind, tenant)
    policyVersion = await judgeTenant(sql, kind, { id: tenant.id, generation })
    await kindOf(kind).accepted?.(sql, tenant)
  }
  const operation = await one(
    sql<OperationRow>({
      name: 'accept',
      text: `insert into operations as o
          (tenant_id, kind, exclusive, generation, parameters, state, phase, actor, reason, correlation_id, due_at,
            policy_version)
        select $1, $2, $3, $4, $5::jsonb, s, s, $6, $7, $8, coalesce($9::timestamptz, now()), $10
        from (select case when $9::timestamptz is null then 'accepted' else 'scheduled' end as s)
        returning ${operationColumns}`,
      values: [
        tenant.id,
        kind,
        exclusive,
        generation,
        JSON.stringify(parameters),
        requester.actor,
        requester.reason ?? null,
        requester.correlationId,
        dueAt ?? null,
        policyVersion,
      ],
    }),
  )
  await appendCommandEvent(sql, operation, requester, 'TENANCY_OPERATION_ACCEPTED')
  return operation
}

/** Says of an operation that somebody asked something of it. */
export async function appendCommandEvent(
  sql: Sql,
  operation: OperationRow,
  { actor, reason, correlationId }: Requester,
  type:
    | 'TENANCY_OPERATION_ACCEPTED'
    | 'TENANCY_OPERATION_RETRIED'
    | 'TENANCY_OPERATION_ABORT_REQUESTED'
    | 'TENANCY_OPERATION_ABORTED',
): Promise<void> {
  const { id, kind, generation, attempt } = operation
  const data = { kind, generation, attempt, ...(reason === undefined ? {} : { reason }) }
  await appendTo(sql, operation.tenant, [operationEvent({ id, correlationId }, actor, type, data)])
}
