import type pg from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import type { EventType, NewEvent } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import type { OperationError, OperationInput, StepAction } from '../domain/operation.ts'
import { closeDelivery, openDelivery } from '../registry/deliveries.ts'
import { eventsJson } from '../registry/events.ts'
import { sqlOf, transaction } from '../registry/pool.ts'
import type { Sql } from '../registry/sql.ts'
import type { Claim } from './claim.ts'
import { raiseConditions } from './conditions.ts'
import { operationEvent } from './operation-event.ts'

/** What a try of a step did: public facts for the ledger, and what to say of it, if anything. */
export type Finished = { readonly facts?: JsonObject; readonly event?: { type: EventType; data?: JsonObject } }

/**
 * Ends a step that worked: ledger, progress and event commit together, and only under the claim. Forward the commit does not
 * wait for the disk: when a crash takes it, `settle` has the step done again. A later commit that does wait writes it as
 * well, so nothing gets out of order. Throws `operation_superseded` when another has the claim by now, or the operation was
 * settled; then nothing is written.
 */
export async function finishStep(pool: pg.Pool, claim: Claim, { facts = {}, event }: Finished): Promise<void> {
  const removes = claim.step.action === 'remove'
  const events: NewEvent[] = event === undefined ? [] : [about(claim, event.type, event.data)]
  const write = async (sql: Sql): Promise<void> => {
    const [row] = await sql<{ finished: boolean }>({
      name: removes ? 'finish-remove' : 'finish',
      text: removes ? finishRemoval : finish,
      values: [
        claim.operationId,
        claim.tenantId,
        claim.spec.key,
        claim.fence,
        claim.step.key,
        removes ? 'removing' : phases[claim.step.action],
        eventsJson(events),
        ...(removes ? [] : [JSON.stringify(facts), !leavesAsItIs.has(claim.step.action)]),
      ],
    })
    if (row?.finished === true) return
    throw superseded(claim)
  }
  if (claim.spec.kind !== 'topic') return write(sqlOf(pool))
  // Its row of deliveries is taken last, as by everyone who appends events.
  await transaction(pool, async (sql) => {
    if (claim.step.action === 'ensure' && !claim.wasPresent) await openDelivery(sql, claim)
    await write(sql)
    if (removes) await closeDelivery(sql, claim)
  })
}

/** The end of a try that has lost its claim. */
export function superseded({ spec }: Pick<Claim, 'spec'>): FreeholdError {
  return new FreeholdError(
    'operation_superseded',
    `the claim of ${spec.key} has gone to another try, or its operation was settled; nothing was recorded`,
  )
}

/** What is not made by them. */
const leavesAsItIs: ReadonlySet<StepAction> = new Set<StepAction>(['freeze', 'revert', 'takeBack', 'release'])

const phases = {
  ensure: 'resources',
  migrate: 'schema',
  freeze: 'closing',
  thaw: 'opening',
  rotate: 'credentials',
  export: 'exporting',
  verify: 'verifying',
  import: 'importing',
  compare: 'comparing',
  carry: 'copying',
  handOver: 'objects',
  takeBack: 'returning',
  copy: 'copying',
  await: 'ready',
  cut: 'cutting',
  prove: 'proving',
  revert: 'returning',
  release: 'releasing',
} as const

/**
 * Marks the step; one that undoes also marks the steps that it undid. What a step had been refused is told no longer; why the
 * operation was interrupted meanwhile is.
 */
const marked = (state: 'done' | 'undone') => `
  phase = $6, revision = revision + 1, updated_at = now(), error = case state when 'interrupted' then error end,
  steps = (select coalesce(jsonb_agg(case
      when intent = 'compensate' and s ->> 'resource' = $3 then jsonb_set(s, '{state}', '"undone"')
      when intent = 'forward' and s ->> 'key' = $5 then jsonb_set(s, '{state}', '"${state}"')
      else s end order by place), '[]')
    from jsonb_array_elements(steps) with ordinality as t (s, place)),
  undo = (select coalesce(jsonb_agg(case when s ->> 'key' = $5 and intent = 'compensate'
      then jsonb_set(s, '{state}', '"undone"') else s end order by place), '[]')
    from jsonb_array_elements(undo) with ordinality as t (s, place))`

const statement = (state: 'done' | 'undone', held: string) => `with locked as (
    select id, attempt, intent from operations where id = $1 and state in ('running', 'interrupted') for no key update
  ), held as (
    ${held}
  ), stepped as (
    update operations set ${marked(state)} where id = (select id from held) returning id
  )
  select exists (select from stepped) as finished,
    (select append_events($2::uuid::text, $7::jsonb) where exists (select from stepped)) as appended,
    set_config('synchronous_commit', case when exists (select from locked where intent = 'forward') then 'off'
      else current_setting('synchronous_commit') end, true)`

const finish = statement(
  'done',
  // To close what was not made yet, or to take it back, makes it no more present.
  `update resources r set state = case when $9 then 'present' else r.state end, facts = facts || $8::jsonb, failures = 0, claimed_by = null,
      claimed_attempt = null, claimed_until = null, updated_at = now()
    from locked where r.tenant_id = $2 and r.key = $3 and r.fence = $4 and r.claimed_by = $1
      and r.claimed_attempt = locked.attempt and r.claimed_until is not null returning locked.id`,
)
const finishRemoval = statement(
  'undone',
  `delete from resources r using locked
    where r.tenant_id = $2 and r.key = $3 and r.fence = $4 and r.claimed_by = $1
      and r.claimed_attempt = locked.attempt and r.claimed_until is not null returning locked.id`,
)

/** Marks a step as done that removes or closes what is no longer in the ledger. */
export async function finishAbsent(sql: Sql, input: OperationInput, step: string): Promise<void> {
  await sql({
    text: `update operations set revision = revision + 1, updated_at = now(),
      ${['steps', 'undo']
        .map(
          (
            list,
          ) => `${list} = (select coalesce(jsonb_agg(case when s ->> 'key' = $3 and s ->> 'action' in ('remove', 'freeze')
            then jsonb_set(s, '{state}', '"undone"') else s end order by place), '[]')
          from jsonb_array_elements(${list}) with ordinality as t (s, place))`,
        )
        .join(', ')}
      where id = $1 and attempt = $2 and state = 'running'`,
    values: [input.operationId, input.attempt, step],
  })
}

/** What a try that the world refused leaves behind: its error, whether somebody should look, and how many there were in a row. */
export type Refused = { readonly error: OperationError; readonly attention: boolean; readonly failures: number }

/**
 * Gives a claim back after a try that failed. One that only goes forward and is refused again and again shows
 * `NeedsAttention` with the last error meanwhile.
 * @param refused absent for what says nothing of the world, such as an outage of the registry
 * @returns false when another has the claim
 */
export async function releaseClaim(sql: Sql, claim: Claim, refused?: Refused): Promise<boolean> {
  const [row] = await sql<{ released: boolean }>({
    name: 'release-claim',
    text: `with locked as (
        select id from operations where id = $4 for no key update
      ), released as (
        update resources r set claimed_until = null, failures = $7 from locked
        where r.tenant_id = $1 and r.key = $2 and r.fence = $3 and r.claimed_until is not null returning r.key
      ), told as (
        update operations set error = $5::jsonb, revision = revision + 1, updated_at = now()
        where id = $4 and state = 'running' and $5::jsonb is not null and exists (select from released) returning id
      ), raised as (
        ${raiseConditions(`select $1, 'NeedsAttention', $5::jsonb ->> 'code', $5::jsonb ->> 'message' from told where $6`)}
      )
      select exists (select from released) as released`,
    values: [
      claim.tenantId,
      claim.spec.key,
      claim.fence,
      claim.operationId,
      refused === undefined ? null : JSON.stringify(refused.error),
      refused?.attention ?? false,
      refused?.failures ?? claim.failures,
    ],
  })
  return row?.released ?? false
}

/** An event of a claimed resource. */
function about({ operationId: id, correlationId, spec }: Claim, type: EventType, data: JsonObject = {}): NewEvent {
  const { key, name, cell, environment } = spec
  return operationEvent({ id, correlationId }, 'system:worker', type, { key, name, cell, environment, ...data })
}
