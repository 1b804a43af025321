import type pg from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import type { OperationInput, Step } from '../domain/operation.ts'
import { eventsJson } from '../registry/events.ts'
import { transaction } from '../registry/pool.ts'
import { isCurrent } from './begin.ts'
import { refused, requireOwn } from './caller.ts'
import { kindOf } from './kinds/index.ts'
import { lockOperation } from './rows.ts'

/** `to-be-undone`: an abort was accepted before. `to-be-finished`: steps that come before are not done, or a crash forgot that. */
export type PutInForce = 'in-force' | 'to-be-undone' | 'to-be-finished'

/**
 * Puts what an operation is about in force while it goes on (a changed manifest, an archive): from here it only goes forward.
 * Doing so twice is doing so once.
 * Throws `step_refused` to a workflow that is not the operation's, and `operation_superseded` to an attempt that is over.
 */
export function putInForce(pool: pg.Pool, input: OperationInput, workflow: string): Promise<PutInForce> {
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, input.operationId)
    const { operation, tenant } = held
    requireOwn(operation, { input, workflow })
    if (!isCurrent(held, input))
      throw new FreeholdError('operation_superseded', `attempt ${input.attempt} of operation ${operation.id} is over`)
    if (operation.intent === 'compensate') return 'to-be-undone'
    const { noWayBack } = kindOf(operation.kind)
    if (noWayBack === undefined || operation.state !== 'running')
      throw refused(operation.id, 'it has nothing that could be put in force now')
    const isDone = ({ state }: Step) => state === 'done' || state === 'undone'
    if (operation.steps.some((step) => step.inForce !== true && !isDone(step))) return 'to-be-finished'
    const events = await noWayBack.reach(sql, held)
    await sql({
      name: 'put-in-force',
      text: `with marked as (
          update operations set phase = 'removing', revision = revision + 1, updated_at = now() where id = $1
        )
        select append_events($2::uuid::text, $3::jsonb)`,
      values: [operation.id, tenant.id, eventsJson(events)],
    })
    return 'in-force'
  })
}
