import { LockMode } from '@mikro-orm/core'
import { FreeholdError } from '../domain/errors.ts'
import { openStates, type OperationState, type StepState } from '../domain/operation.ts'
import { Operation, type OperationRow } from './entities/operation.ts'
import type { EntityManager } from './orm.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether the operation still holds its tenant. */
export function isOpen(state: OperationState): boolean {
  return (openStates as readonly OperationState[]).includes(state)
}

/** One operation. Throws `operation_not_found`. */
export async function findOperation(em: EntityManager, id: string, lock?: 'lock'): Promise<OperationRow> {
  const row = uuid.test(id)
    ? await em.findOne(
        Operation,
        { id: id.toLowerCase() },
        lock === undefined ? {} : { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true },
      )
    : null
  if (row === null) throw new FreeholdError('operation_not_found', `there is no operation "${id.slice(0, 64)}"`)
  return row
}

/** The newest operation of a tenant, of any state. */
export async function newestOperation(em: EntityManager, tenant: string): Promise<OperationRow | null> {
  return em.findOne(Operation, { tenant }, { orderBy: { id: 'desc' } })
}

/** Sets the state of one step, and the phase shown to people, in the caller's transaction. */
export async function recordStep(
  em: EntityManager,
  operationId: string,
  key: string,
  state: StepState,
  phase: string,
): Promise<void> {
  await em.execute(
    `update operations set phase = ?, revision = revision + 1, updated_at = now(), steps = (
       select jsonb_agg(case when step->>'key' = ? then jsonb_set(step, '{state}', to_jsonb(?::text)) else step end order by place)
       from jsonb_array_elements(steps) with ordinality as t(step, place))
     where id = ? and jsonb_array_length(steps) > 0`,
    [phase, key, state, operationId],
  )
}
