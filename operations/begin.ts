import type pg from 'pg'
import { sameSpec } from '../domain/changes.ts'
import type { NewEvent } from '../domain/events.ts'
import { askingMs, isDenial, isToBeAsked } from '../domain/governance.ts'
import { assertTransition, lifecycle, stateDuring } from '../domain/lifecycle.ts'
import { isOpen, type OperationError, type OperationInput, type WorkflowStep } from '../domain/operation.ts'
import type { Platform } from '../domain/platform.ts'
import { undoSteps } from '../domain/steps.ts'
import { specVersion } from '../domain/resources.ts'
import { eventsJson } from '../registry/events.ts'
import { transaction } from '../registry/pool.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { Sql } from '../registry/sql.ts'
import { requireOwn, type Caller } from './caller.ts'
import { noneElseWaits } from './conditions.ts'
import { readFacts } from './facts.ts'
import type { LedgerEntry } from './kinds/kind.ts'
import { kindOf } from './kinds/index.ts'
import { generationInForce, lockOperation, type LockedOperation } from './rows.ts'
import { operationEvent, stateChangeEvents } from './operation-event.ts'
import { rewrittenLedger } from './wanted-resources.ts'

/**
 * What a workflow needs to know to go on. `done`: another attempt settled it, or it is no longer this attempt's.
 * `to-be-judged`: the governance endpoint is to be asked first, which may take `askMs`. `denied`: it ends before it began.
 */
export type Begun = { slug: string; steps: WorkflowStep[] } & (
  | { proceed: 'forward' | 'compensate' | 'done' }
  | { proceed: 'to-be-judged'; askMs: number }
  | { proceed: 'denied'; error: OperationError }
)
type Registry = { readonly pool: pg.Pool; readonly platform: Platform }

const actor = 'system:worker'

/** Whether this attempt may still work on the operation. */
export function isCurrent({ operation }: LockedOperation, { attempt }: Pick<OperationInput, 'attempt'>): boolean {
  return isOpen(operation.state) && operation.attempt === attempt
}

/**
 * Takes an operation up: sets the tenant's through state, enters what will be made in the ledger, records the steps and
 * gives them. Beginning twice is beginning once: one that runs keeps its steps and what became of them. Throws what the
 * planning of its kind throws, `transition_not_allowed` when the tenant's state changed since it was accepted, and
 * `step_refused` to a workflow that is not the operation's.
 */
export function begin({ pool, platform }: Registry, caller: Caller): Promise<Begun> {
  const { input } = caller
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, input.operationId)
    const { operation, tenant } = held
    requireOwn(operation, caller)
    if (!isCurrent(held, input)) return { proceed: 'done', slug: tenant.slug, steps: [] }
    if (operation.intent === 'compensate') return { proceed: 'compensate', slug: tenant.slug, steps: [] }
    if (operation.state === 'running' && operation.phase !== 'accepted')
      return { proceed: 'forward', slug: tenant.slug, steps: forWorkflow(operation.steps) }
    const unjudged = awaitsVerdict(held, platform)
    if (unjudged !== undefined) return { ...unjudged, slug: tenant.slug, steps: [] }
    const { kind } = operation
    const state = stateDuring(kind, tenant.state)
    if (lifecycle[kind].exclusive && state !== tenant.state) assertTransition(kind, tenant.state)
    const more = (await kindOf(kind).begun?.(sql, held)) ?? []
    const facts = await readFacts(sql, held, platform)
    const { ledger, rewritten } = rewrittenLedger(facts)
    const { specs, steps } = kindOf(kind).prepare({ ...facts, ledger })
    const known = new Map(ledger.map((entry) => [entry.key, entry.spec]))
    const planned = specs.filter(({ key }) => !known.has(key))
    const changed = specs.flatMap((spec) => {
      const from = known.get(spec.key)
      return from === undefined || sameSpec(from, spec) ? [] : [{ spec, from }]
    })
    const events: NewEvent[] = [
      operationEvent(operation, actor, 'TENANCY_OPERATION_STARTED', {
        kind,
        attempt: operation.attempt,
        ...(operation.verdict ? { verdict: operation.verdict.outcome } : {}),
      }),
      ...more,
      ...stateChangeEvents(operation, actor, tenant.state, state),
      ...rewrittenEvents(operation, facts.ledger, rewritten),
      ...planned.map(({ key, name, cell }) =>
        operationEvent(operation, actor, 'TENANCY_RESOURCE_PLANNED', { key, name, cell }),
      ),
      ...changed.map(({ spec: { key, name, cell, properties: to }, from: { properties: from } }) =>
        operationEvent(operation, actor, 'TENANCY_RESOURCE_PLANNED', { key, name, cell, from, to }),
      ),
    ]
    await sql({
      name: 'begin',
      text: write,
      values: [
        operation.id,
        tenant.id,
        state,
        JSON.stringify(steps),
        JSON.stringify(planned),
        entriesJson(rewritten),
        specVersion,
        eventsJson(events),
        entriesJson(changed.map(({ spec }) => ({ key: spec.key, spec }))),
      ],
    })
    return { proceed: 'forward', slug: tenant.slug, steps: forWorkflow(steps) }
  })
}

/** What stands between an operation and its beginning: a verdict of the governance endpoint, still to come or a denial. */
function awaitsVerdict({ operation, tenant }: LockedOperation, { governanceEndpoint: endpoint }: Platform) {
  const { kind: command, verdict } = operation
  if (isDenial(verdict)) return { proceed: 'denied' as const, error: { code: verdict.code, message: verdict.message } }
  return endpoint !== undefined && isToBeAsked(endpoint, { command, verdict, state: tenant.state })
    ? { proceed: 'to-be-judged' as const, askMs: askingMs(endpoint) }
    : undefined
}

/** Writes what was described anew; the arguments are places of values. */
const rewrite = (tenant: string, entries: string, version: string) =>
  `update resources r set spec = e.spec, spec_version = ${version}, name = e.spec ->> 'name'
    from jsonb_to_recordset(${entries}::jsonb) as e (key text, spec jsonb) where r.tenant_id = ${tenant} and r.key = e.key`

const write = `with begun as (
    update operations set state = 'running', phase = 'resources', steps = $4::jsonb, undo = '[]', error = null,
      state_before = coalesce(state_before, (select state from tenants where id = $2)),
      started_at = coalesce(started_at, now()), revision = revision + 1, updated_at = now()
    where id = $1
  ), entered as (
    update tenants set state = $3, updated_at = now() where id = $2 and state <> $3
  ), cleared as (
    delete from conditions where tenant_id = $2 and type = 'NeedsAttention' and ${noneElseWaits('$2', '$1')}
  ), planned as (
    insert into resources (tenant_id, key, placement, kind, environment, cell, name, spec, spec_version, created_by)
    select $2, s.key, s.placement, s.kind, s.environment, s.cell, s.name, spec, $7, $1
    from jsonb_array_elements($5::jsonb) as spec,
      jsonb_to_record(spec) as s (key text, placement int, kind text, environment text, cell text, name text)
  ), described as (
    -- A row is written once by a statement: what is described anew and changes as well is in both lists.
    select coalesce(c.key, e.key) as key, c.spec as wanted, e.spec as described
    from jsonb_to_recordset($6::jsonb) as e (key text, spec jsonb)
    full join jsonb_to_recordset($9::jsonb) as c (key text, spec jsonb) on c.key = e.key
  ), rewritten as (
    update resources r set spec = coalesce(d.wanted, d.described), spec_version = $7,
      name = coalesce(d.wanted, d.described) ->> 'name',
      spec_before = case when d.wanted is null then r.spec_before else coalesce(r.spec_before, d.described, r.spec) end
    from described d where r.tenant_id = $2 and r.key = d.key
  )
  select append_events($2::uuid::text, $8::jsonb)`

/** Steps that undo what an operation did, whichever attempt did it; null when it is settled, or no longer this attempt's. */
export function beginUndo({ pool, platform }: Registry, caller: Caller): Promise<WorkflowStep[] | null> {
  const { input } = caller
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, input.operationId)
    const { operation } = held
    requireOwn(operation, caller)
    if (!isCurrent(held, input)) return null
    if (operation.phase === 'compensating') return forWorkflow(operation.undo)
    // A cancel that came too late: the sweep finds it interrupted, and a retry brings it to its end.
    if (kindOf(operation.kind).noWayBack?.isReached(held)) return null
    const facts = await readFacts(sql, held, platform, generationInForce(held.tenant))
    const { ledger, rewritten } = rewrittenLedger(facts)
    const changedBack = ledger.flatMap((entry) =>
      entry.before === null || rewritten.includes(entry) ? [] : [{ ...entry, spec: entry.before }],
    )
    const restored = new Map(changedBack.map((entry) => [entry.key, entry]))
    const asBefore = ledger.map((entry) => restored.get(entry.key) ?? entry)
    const undo = kindOf(operation.kind).undo?.({ ...facts, ledger: asBefore }) ?? undoSteps(asBefore, operation.id)
    const entries = [...rewritten, ...changedBack]
    await recordUndo(sql, operation, { undo, entries, events: rewrittenEvents(operation, facts.ledger, entries) })
    return forWorkflow(undo)
  })
}

async function recordUndo(
  sql: Sql,
  { id, tenant }: OperationRow,
  { undo, entries, events }: { undo: readonly WorkflowStep[]; entries: readonly LedgerEntry[]; events: NewEvent[] },
): Promise<void> {
  await sql({
    text: `with begun as (
        update operations set state = 'running', intent = 'compensate', phase = 'compensating', undo = $2::jsonb,
          started_at = coalesce(started_at, now()), revision = revision + 1, updated_at = now() where id = $1
      ), rewritten as (
        ${rewrite('$3', '$4', '$5')}
      )
      select append_events($3::uuid::text, $6::jsonb)`,
    values: [id, JSON.stringify(undo), tenant, entriesJson(entries), specVersion, eventsJson(events)],
  })
}

/** The events of entries of the ledger that were described anew, by a newer version or as they were before. */
function rewrittenEvents(
  operation: OperationRow,
  ledger: readonly LedgerEntry[],
  entries: readonly LedgerEntry[],
): NewEvent[] {
  const known = new Map(ledger.map((entry) => [entry.key, entry]))
  return entries.map(({ key, spec: { name, cell, properties: to } }) => {
    const before = known.get(key)
    return operationEvent(operation, actor, 'TENANCY_RESOURCE_REWRITTEN', {
      key,
      name,
      cell,
      before: { specVersion: before?.specVersion ?? null },
      after: { specVersion },
      from: before?.spec.properties ?? null,
      to,
    })
  })
}

/** Entries of the ledger with the specs they get. */
function entriesJson(entries: readonly Pick<LedgerEntry, 'key' | 'spec'>[]): string {
  return JSON.stringify(entries.map(({ key, spec }) => ({ key, spec })))
}

function forWorkflow(steps: readonly WorkflowStep[]): WorkflowStep[] {
  return steps.map(({ key, title, action, after, bus, inForce }) => ({
    key,
    title,
    action,
    after,
    ...(bus === undefined ? {} : { bus }),
    ...(inForce === undefined ? {} : { inForce }),
  }))
}
