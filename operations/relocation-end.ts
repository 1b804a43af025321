import { FreeholdError } from '../domain/errors.ts'
import type { NewEvent } from '../domain/events.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { soakingOf } from '../registry/relocations.ts'
import { one, type Sql } from '../registry/sql.ts'
import { appendTo } from '../registry/events.ts'
import type { Requester } from './accept.ts'
import { operationEvent } from './operation-event.ts'
import { generationInForce, operationColumns, type LockedOperation, type TenantFacts } from './rows.ts'

/** What the commands to a move are recorded with. */
export function endingParameters({ id, environment, source, target }: RelocationRow) {
  return { relocation: id, environment, source, target }
}

/**
 * Rollback and complete are for a move that may still be undone; the end that was scheduled is called off by the one that is
 * given. The tenant is locked. Throws `relocation_not_possible`.
 */
export async function requireSoaking(sql: Sql, { id }: Pick<TenantFacts, 'id'>): Promise<void> {
  if ((await soakingOf(sql, id)) === undefined)
    throw new FreeholdError('relocation_not_possible', 'no move of this tenant can be completed or undone any more')
  await sql({
    name: 'cancel-complete',
    text: `update operations set state = 'aborted', phase = 'done', finished_at = now(), revision = revision + 1, updated_at = now()
      where tenant_id = $1 and kind = 'complete' and state = 'scheduled' and due_at > now()`,
    values: [id],
  })
}

/** Throws `relocation_soaking` while a move of the tenant may still be undone: what changes the one side would be lost on the other. */
export async function assertNotSoaking(sql: Sql, { id, slug }: Pick<TenantFacts, 'id' | 'slug'>): Promise<void> {
  const soaking = await soakingOf(sql, id)
  if (soaking === undefined) return
  throw new FreeholdError(
    'relocation_soaking',
    `relocation ${soaking.id} of ${slug} can still be rolled back; complete it, or roll it back, first`,
    { facts: { relocation: soaking.id, environment: soaking.environment } },
  )
}

/** Has a move completed when its soak is over, by the database's clock: an operation that holds nothing until it is due. */
export async function scheduleComplete(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  relocation: RelocationRow,
): Promise<NewEvent[]> {
  const scheduled = await one(
    sql<OperationRow>({
      name: 'schedule-complete',
      text: `insert into operations as o
          (tenant_id, kind, generation, parameters, state, phase, actor, reason, correlation_id, due_at)
        select $1, 'complete', $2, $3::jsonb, 'scheduled', 'scheduled', 'system:retention', $4, $5, soak_until
        from relocations where id = $6 returning ${operationColumns}`,
      values: [
        tenant.id,
        generationInForce(tenant),
        JSON.stringify(endingParameters(relocation)),
        `the soak of relocation ${relocation.id} is over`,
        operation.correlationId,
        relocation.id,
      ],
    }),
  )
  const { kind, generation, dueAt } = scheduled
  const data = { kind, generation, attempt: 1, dueAt: dueAt.toISOString() }
  return [operationEvent(scheduled, 'system:retention', 'TENANCY_OPERATION_ACCEPTED', data)]
}

/** What a move has changed of what placements share is so for good, or is as it was. */
export async function forgetBefore(sql: Sql, tenant: string): Promise<void> {
  await sql({
    name: 'forget-before',
    text: 'update resources set spec_before = null where tenant_id = $1 and spec_before is not null',
    values: [tenant],
  })
}

/** Says on the trail who gave the word for the cut. */
export async function tellApproval(
  sql: Sql,
  operation: OperationRow,
  { actor, reason, correlationId }: Requester,
): Promise<void> {
  const data = { relocation: operation.id, step: 'approved', ...(reason === undefined ? {} : { reason }) }
  const event = operationEvent({ id: operation.id, correlationId }, actor, 'TENANCY_RELOCATION_ADVANCED', data)
  await appendTo(sql, operation.tenant, [event])
}
