import type pg from 'pg'
import type { EventType } from '../domain/events.ts'
import { isDenial } from '../domain/governance.ts'
import { lifecycle, stateAfter } from '../domain/lifecycle.ts'
import type { OperationError, OperationInput, Outcome } from '../domain/operation.ts'
import { eventsJson } from '../registry/events.ts'
import { transaction } from '../registry/pool.ts'
import type { Sql } from '../registry/sql.ts'
import { isCurrent } from './begin.ts'
import { refused, requireOwn } from './caller.ts'
import { noneElseWaits, raiseConditions } from './conditions.ts'
import { kindOf } from './kinds/index.ts'
import { lockOperation, type LockedOperation } from './rows.ts'
import { operationEvent, stateChangeEvents } from './operation-event.ts'

export type Settling = { readonly input: OperationInput; readonly outcome: Outcome; readonly error?: OperationError }

const eventTypes = {
  succeeded: 'TENANCY_OPERATION_SUCCEEDED',
  failed: 'TENANCY_OPERATION_FAILED',
  aborted: 'TENANCY_OPERATION_ABORTED',
  stalled: 'TENANCY_OPERATION_INTERRUPTED',
} as const satisfies Record<Outcome, EventType>

/** `to-be-undone`: an abort was accepted meanwhile. `to-be-finished`: steps are not done, or a crash lost the note that they are. */
export type Settled = 'settled' | 'to-be-undone' | 'to-be-finished'

/**
 * Writes the outcome: state of the tenant, operation, what its kind changes, and events in one transaction. Settling twice
 * is settling once. Success is not settled while there is something to be undone or finished first: that is the answer then.
 * Throws `step_refused` to a workflow that is not the operation's, and for a success of what was not begun.
 */
export function settle(pool: pg.Pool, { input, outcome, error }: Settling, workflow: string): Promise<Settled> {
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, input.operationId)
    const { operation, tenant } = held
    requireOwn(operation, { input, workflow })
    if (!isCurrent(held, input)) return 'settled'
    const hasStalled = operation.state === 'interrupted' && operation.phase === 'stalled'
    if (outcome === 'stalled' && hasStalled) return 'settled'
    const succeeded = outcome === 'succeeded'
    if (succeeded && operation.intent === 'compensate') return 'to-be-undone'
    if (succeeded && operation.state === 'accepted')
      throw refused(operation.id, 'it cannot succeed before it was begun')
    if (succeeded && !isDone(operation)) return 'to-be-finished'
    const state = nextState(held, outcome)
    const told = succeeded
      ? undefined
      : withHalfDone(
          error ?? { code: 'internal' as const, message: 'the workflow told no reason' },
          outcome === 'aborted' ? await halfDone(sql, held) : [],
        )
    // Nobody who gave the command would see that what was due by itself was denied.
    const isUnseen = isDenial(operation.verdict) && operation.actor === 'system:retention'
    const needsAttention = outcome === 'stalled' || isUnseen || (told?.unresolved ?? []).length > 0
    const kind = kindOf(operation.kind)
    const more =
      told === undefined
        ? await kind.succeed?.(sql, held)
        : outcome === 'stalled'
          ? []
          : await kind.fail?.(sql, held, told)
    const events = [
      ...(more ?? []),
      ...stateChangeEvents(operation, 'system:worker', tenant.state, state),
      operationEvent(operation, 'system:worker', eventTypes[outcome], {
        kind: operation.kind,
        generation: operation.generation,
        ...(told === undefined ? {} : { error: told }),
      }),
    ]
    await sql({
      name: 'settle',
      text: write,
      values: [
        operation.id,
        tenant.id,
        outcome === 'stalled' ? 'interrupted' : outcome,
        state,
        told === undefined ? null : JSON.stringify(told),
        needsAttention,
        eventsJson(events),
        isDenial(operation.verdict),
      ],
    })
    return 'settled'
  })
}

/**
 * Steps that were tried, and not done, of what goes forward and was given up: nothing undoes them, and what they work on may
 * be closed. The same command again brings it to an end.
 */
async function halfDone(sql: Sql, { operation, tenant }: LockedOperation): Promise<string[]> {
  if (lifecycle[operation.kind].cannotFinish !== 'goes-forward') return []
  const tried = await sql<{ key: string }>({
    text: 'select key from resources where tenant_id = $1 and claimed_by = $2',
    values: [tenant.id, operation.id],
  })
  const keys = new Set(tried.map(({ key }) => key))
  return operation.steps.flatMap(({ resource, state }) => (state !== 'done' && keys.has(resource) ? [resource] : []))
}

function withHalfDone(error: OperationError, keys: readonly string[]): OperationError {
  if (keys.length === 0) return error
  const message = `${error.message}; ${keys.join(', ')} was left half-way: give the same command again`
  return { ...error, message, unresolved: [...(error.unresolved ?? []), ...keys] }
}

function nextState({ operation, tenant }: LockedOperation, outcome: Outcome) {
  if (outcome === 'stalled') return tenant.state
  // It was denied or given up before it began: the tenant is as it was found, but for one that was born for it.
  const hasBegun = operation.stateBefore !== null && !isDenial(operation.verdict)
  if (!hasBegun && tenant.state !== lifecycle[operation.kind].through) return tenant.state
  return stateAfter(operation.kind, outcome === 'succeeded' ? 'succeeded' : 'failed', {
    state: tenant.state,
    found: operation.stateBefore ?? tenant.state,
    putAside: tenant.stateBefore ?? null,
    suspended: tenant.suspended,
  })
}

function isDone({ steps }: LockedOperation['operation']): boolean {
  return steps.every((step) => step.state === 'done' || step.state === 'undone')
}

const write = `with settled as (
    update operations set state = $3, phase = case $3 when 'interrupted' then 'stalled' else 'done' end, error = $5::jsonb,
      finished_at = case $3 when 'interrupted' then null else now() end, revision = revision + 1, updated_at = now()
    where id = $1
  ), entered as (
    -- What ends suspended has the latch set, whoever released it meanwhile.
    update tenants set state = $4, suspended = suspended or $4 = 'suspended', updated_at = now()
    where id = $2 and (state <> $4 or ($4 = 'suspended' and not suspended))
  ), cleared as (
    delete from conditions where tenant_id = $2 and type = 'NeedsAttention' and not $6 and not $8
      and ${noneElseWaits('$2', '$1')}
  ), raised as (
    ${raiseConditions(`select $2, 'NeedsAttention', $5::jsonb ->> 'code', $5::jsonb ->> 'message' where $6`)}
  )
  select append_events($2::uuid::text, $7::jsonb)`
