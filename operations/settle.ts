import type pg from 'pg'
import type { EventType } from '../domain/events.ts'
import { stateAfter } from '../domain/lifecycle.ts'
import type { OperationError, OperationInput, Outcome } from '../domain/operation.ts'
import { eventsJson } from '../registry/events.ts'
import { transaction } from '../registry/pool.ts'
import { isCurrent } from './begin.ts'
import { refused, requireOwn } from './caller.ts'
import { kindOf } from './kinds/index.ts'
import { lockOperation, type Held } from './rows.ts'
import { said, stateChange } from './said.ts'

export type Settling = { readonly input: OperationInput; readonly outcome: Outcome; readonly error?: OperationError }

const eventTypes = {
  succeeded: 'TENANCY_OPERATION_SUCCEEDED',
  failed: 'TENANCY_OPERATION_FAILED',
  aborted: 'TENANCY_OPERATION_ABORTED',
  stalled: 'TENANCY_OPERATION_INTERRUPTED',
} as const satisfies Record<Outcome, EventType>

/**
 * Writes the outcome: state of the tenant, operation, what its kind changes, and events in one transaction. Settling twice
 * is settling once. Success is not settled any more once an abort was accepted: the answer is then that it has to be
 * undone. Throws `step_refused` for a success with steps that were not done.
 */
export function settle(
  pool: pg.Pool,
  { input, outcome, error }: Settling,
  workflow: string,
): Promise<'settled' | 'to-be-undone'> {
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, input.operationId)
    const { operation, tenant } = held
    requireOwn(operation, { input, workflow })
    if (!isCurrent(held, input)) return 'settled'
    const succeeded = outcome === 'succeeded'
    if (succeeded && operation.intent === 'compensate') return 'to-be-undone'
    if (succeeded) requireDone(held)
    const state = nextState(held, outcome)
    const told = succeeded
      ? undefined
      : (error ?? { code: 'internal' as const, message: 'the workflow told no reason' })
    const needsAttention = outcome === 'stalled' || (told?.unresolved ?? []).length > 0
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
      ],
    })
    const more = succeeded ? await kindOf(operation.kind).succeed?.(sql, held) : undefined
    const events = [
      ...(more ?? []),
      ...stateChange(operation, 'system:worker', tenant.state, state),
      said(operation, 'system:worker', eventTypes[outcome], {
        kind: operation.kind,
        ...(told === undefined ? {} : { error: told }),
      }),
    ]
    await sql({
      name: 'append-events',
      text: 'select append_events($1::uuid::text, $2::jsonb)',
      values: [tenant.id, eventsJson(events)],
    })
    return 'settled'
  })
}

function nextState({ operation, tenant }: Held, outcome: Outcome) {
  if (outcome === 'stalled') return tenant.state
  return stateAfter(operation.kind, outcome === 'succeeded' ? 'succeeded' : 'failed', {
    state: tenant.state,
    found: operation.stateBefore ?? tenant.state,
    putAside: tenant.stateBefore ?? null,
    suspended: tenant.suspended,
  })
}

function requireDone({ operation }: Held): void {
  const open = operation.steps.filter(({ state }) => state === 'pending' || state === 'failed')
  if (operation.state === 'running' && open.length === 0) return
  throw refused(
    operation.id,
    `it cannot succeed, ${open.map(({ key }) => key).join(', ') || 'its beginning'} is not done`,
  )
}

const write = `with settled as (
    update operations set state = $3, phase = case $3 when 'interrupted' then 'stalled' else 'done' end, error = $5::jsonb,
      finished_at = case $3 when 'interrupted' then null else now() end, revision = revision + 1, updated_at = now()
    where id = $1
  ), entered as (
    update tenants set state = $4, updated_at = now() where id = $2 and state <> $4
  ), cleared as (
    delete from conditions where tenant_id = $2 and type = 'NeedsAttention' and not $6
  )
  insert into conditions (tenant_id, type, reason, message)
  select $2, 'NeedsAttention', $5::jsonb ->> 'code', $5::jsonb ->> 'message' where $6
  on conflict (tenant_id, type) do update set reason = excluded.reason, message = excluded.message`
