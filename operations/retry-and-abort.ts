import { FreeholdError } from '../domain/errors.ts'
import { endsTenant, isAbortable } from '../domain/lifecycle.ts'
import { isOpen } from '../domain/operation.ts'
import type { Platform } from '../domain/platform.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { one, type Sql } from '../registry/sql.ts'
import { appendCommandEvent, assertMayStart, type Requester } from './accept.ts'
import { judgeTenant } from './judge.ts'
import { kindOf } from './kinds/index.ts'
import { isOpenNow, lockOperation, operationColumns, type LockedOperation } from './rows.ts'

/**
 * The operation that is meant where only the tenant is named: one that is open, before all others the one that was interrupted,
 * or the one that holds the tenant alone; else its newest. The purge that a delete has scheduled is called off by undelete alone.
 * Throws `operation_not_found`.
 */
export async function lockCurrent(
  sql: Sql,
  tenant: string,
  prefer: 'interrupted' | 'exclusive',
): Promise<LockedOperation> {
  const first = prefer === 'interrupted' ? `state = 'interrupted'` : `exclusive and ${isOpenNow}`
  const [found] = await sql<{ id: string }>({
    text: `select id from operations where tenant_id = $1 and not (state = 'scheduled' and kind = 'purge')
      order by (${first}) desc, (${isOpenNow}) desc, id desc limit 1`,
    values: [tenant],
  })
  if (found === undefined) throw new FreeholdError('operation_not_found', `tenant ${tenant} has no operation`)
  return lockOperation(sql, found.id)
}

/**
 * Another attempt, forward, at an operation that was interrupted, failed, or was aborted after it had begun. One that had
 * ended is judged anew. Throws `operation_not_open`, `operation_in_progress`, `transition_not_allowed` when the tenant's
 * state changed since, `policy_denied`, and what taking its places throws.
 */
export async function retryOperation(
  sql: Sql,
  platform: Platform,
  held: LockedOperation,
  requester: Requester,
): Promise<OperationRow> {
  const { operation, tenant } = held
  const { kind, state, startedAt } = operation
  const hasEnded = state === 'failed' || (state === 'aborted' && startedAt !== null)
  if (state !== 'interrupted' && !hasEnded)
    throw notOpen(operation, 'retry is possible for one that was interrupted, failed, or aborted after it had begun')
  // It may have waited for its lock until another one was accepted, or has even ended.
  let how = beginAgain
  if (hasEnded) {
    await assertMayStart(sql, kind, tenant)
    const judged = await judgeTenant(sql, kind, { id: tenant.id, generation: operation.generation })
    how += `, verdict = null, policy_version = ${judged}`
    await kindOf(kind).accepted?.(sql, tenant)
  }
  const again = await write(sql, operation.id, how, 'forward')
  await appendCommandEvent(sql, again, requester, 'TENANCY_OPERATION_RETRIED')
  if (hasEnded) await kindOf(kind).takePlaces?.(sql, platform, held)
  return again
}

/**
 * Asks for an operation to be undone. One that runs is to be told to; one that was interrupted begins again to undo; one
 * that is scheduled ends, and what ends a tenant and was stopped before it began does nothing. Throws `operation_not_open`, and
 * `transition_not_allowed` for a kind that only goes forward.
 */
export async function abortOperation(sql: Sql, held: LockedOperation, requester: Requester): Promise<OperationRow> {
  const { id, kind, state } = held.operation
  if (!isOpen(state) && state !== 'scheduled') throw notOpen(held.operation, 'abort is possible for one that is open')
  if (state !== 'scheduled' && !isYetToEnd(held.operation) && (!isAbortable(kind) || hasNoWayBack(held)))
    throw new FreeholdError(
      'transition_not_allowed',
      `${kind} only goes forward ${isAbortable(kind) ? 'once it has begun to remove what it replaces ' : ''}and cannot be undone; retry it when it was interrupted`,
      { facts: { operationId: id, kind, state } },
    )
  const how =
    state === 'interrupted' ? beginAgain : state === 'scheduled' ? `, state = 'aborted', finished_at = now()` : ''
  const told = await write(sql, id, how, 'compensate')
  await appendCommandEvent(sql, told, requester, 'TENANCY_OPERATION_ABORT_REQUESTED')
  // No workflow is there that would settle it.
  if (state === 'scheduled') await appendCommandEvent(sql, told, requester, 'TENANCY_OPERATION_ABORTED')
  return told
}

const beginAgain = `, state = 'accepted', phase = 'accepted', attempt = attempt + 1, error = null, finished_at = null`

/** A delete or a purge that a hold has stopped before it began: nothing is closed or removed yet. */
export function isYetToEnd({
  kind,
  state,
  stateBefore,
}: Pick<OperationRow, 'kind' | 'state' | 'stateBefore'>): boolean {
  return endsTenant(kind) && state === 'interrupted' && stateBefore === null
}

function hasNoWayBack(held: LockedOperation): boolean {
  return kindOf(held.operation.kind).noWayBack?.isReached(held) ?? false
}

async function write(sql: Sql, id: string, how: string, intent: OperationRow['intent']): Promise<OperationRow> {
  return one(
    sql<OperationRow>({
      text: `update operations o set revision = revision + 1, updated_at = now(), intent = $2 ${how}
        where id = $1 returning ${operationColumns}`,
      values: [id, intent],
    }),
  )
}

function notOpen({ id, kind, state }: OperationRow, hint: string): FreeholdError {
  return new FreeholdError('operation_not_open', `operation ${id} (${kind}) is ${state}; ${hint}`, {
    facts: { operationId: id, kind, state },
  })
}
