import type { OperationRow } from '../registry/entities/operation.ts'
import type { TenantRow } from '../registry/entities/tenant.ts'
import { FreeholdError } from '../domain/errors.ts'
import { isUuid } from '../domain/names.ts'
import { openStates } from '../domain/operation.ts'
import { one, type Sql } from '../registry/sql.ts'

/** SQL: the operation is open. */
export const isOpenNow = `state in (${openStates.map((state) => `'${state}'`).join(', ')})`

/** Columns of an operation under the names of its row; `o` is the table. */
export const operationColumns = `o.id, o.tenant_id as tenant, o.kind, o.exclusive, o.generation, o.parameters, o.attempt, o.state,
  o.intent, o.phase, o.steps, o.undo, o.state_before as "stateBefore", o.revision, o.actor, o.reason,
  o.correlation_id as "correlationId", o.error, o.result, o.policy_version as "policyVersion", o.verdict,
  o.created_at as "createdAt", o.due_at as "dueAt",
  o.started_at as "startedAt", o.finished_at as "finishedAt", o.updated_at as "updatedAt"`

/** What an operation needs to know of its tenant. */
export type TenantFacts = Pick<
  TenantRow,
  | 'id'
  | 'slug'
  | 'code'
  | 'profile'
  | 'plan'
  | 'region'
  | 'state'
  | 'suspended'
  | 'stateBefore'
  | 'generation'
  | 'observedGeneration'
>

/** The generation in force; of a tenant that was never made, the one that is to be. */
export function generationInForce({
  generation,
  observedGeneration,
}: Pick<TenantFacts, 'generation' | 'observedGeneration'>): number {
  return observedGeneration || generation
}

/** An operation with its tenant. */
export type LockedOperation = { readonly operation: OperationRow; readonly tenant: TenantFacts }

export const tenantFacts = `jsonb_build_object('id', t.id, 'slug', t.slug, 'code', t.code, 'profile', t.profile, 'plan', t.plan,
  'region', t.region, 'state', t.state, 'suspended', t.suspended, 'stateBefore', t.state_before, 'generation', t.generation,
  'observedGeneration', t.observed_generation)`

/** What an operation needs to know of a tenant, without a lock. Throws `tenant_gone` for a purged one. */
export async function readTenant(sql: Sql, id: string): Promise<TenantFacts> {
  const { facts } = await one(
    sql<{ facts: TenantFacts }>({
      name: 'read-tenant',
      text: `select ${tenantFacts} as facts from tenants t where id = $1`,
      values: [id],
    }),
  )
  if (facts.state === 'purged') throw new FreeholdError('tenant_gone', `tenant ${id} was purged`)
  return facts
}

type Row = OperationRow & { facts: TenantFacts }

/**
 * Locks an operation and then its tenant until the transaction ends: the order everybody takes them in. Throws
 * `operation_not_found`.
 */
export async function lockOperation(sql: Sql, id: string): Promise<LockedOperation> {
  if (!isUuid(id)) throw unknown(id)
  const [row] = await sql<Row>({
    name: 'lock-operation',
    text: `select ${operationColumns}, ${tenantFacts} as facts from operations o join tenants t on t.id = o.tenant_id
      where o.id = $1 for no key update of o, t`,
    values: [id],
  })
  if (row === undefined) throw unknown(id)
  const { facts, ...operation } = row
  return { operation, tenant: facts }
}

function unknown(id: string): FreeholdError {
  return new FreeholdError('operation_not_found', `there is no operation "${id.slice(0, 64)}"`)
}
