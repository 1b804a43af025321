import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import {
  isOpen,
  type Intent,
  type OperationKind,
  type OperationState,
  type Step,
  type StepAction,
} from '../domain/operation.ts'
import { readSpec, specVersion, type ResourceSpec } from '../domain/resources.ts'
import type { BusRow, CellRow } from '../registry/entities/placement.ts'
import type { Sql } from '../registry/sql.ts'
import { refused, requireOwn, type Caller } from './caller.ts'

/** A step that a worker has for itself, with all that it needs; nothing is open in the registry meanwhile. */
export type Claim = {
  readonly operationId: string
  readonly tenantId: string
  readonly kind: OperationKind
  readonly correlationId: string
  readonly step: Step
  readonly spec: ResourceSpec
  /** Given to no other claim, and higher than that of any before. */
  readonly fence: number
  readonly wasPresent: boolean
  /** Whether it is there and gets other properties, or those back that it had. */
  readonly changes: boolean
  readonly facts: JsonObject
  /** Tries before this one that the world refused. */
  readonly failures: number
  readonly epoch: number
  readonly suspended: boolean
  readonly cell: CellRow
  readonly bus: BusRow | null
  /** The tenant's key, wrapped, in base64; null once it is destroyed. */
  readonly wrappedKey: string | null
}

/** Which try asks for which step. The tenant is not asked for: it is the operation's. */
export type ClaimRequest = Caller & { readonly action: StepAction; readonly step: string }

type Row = {
  tenant: string
  kind: OperationKind
  state: OperationState
  attempt: number
  intent: Intent
  correlationId: string
  step: Step | null
  wanted: { key: string | null; spec: ResourceSpec; specVersion: number }
  claimed: {
    spec: ResourceSpec
    specVersion: number
    fence: number
    state: 'planned' | 'present'
    changes: boolean
    facts: JsonObject
    failures: number
  } | null
  epoch: number | null
  suspended: boolean
  cell: CellRow | null
  bus: BusRow | null
  wrappedKey: string | null
}

/**
 * Claims the resource of a step, by one statement: when it is free, when the lease of its claim has run out, or when the
 * claim is this attempt's already. The fence rises, so whoever had the claim can neither finish nor write where the target
 * compares fences.
 * @returns `done` when the step was finished before, `absent` when what it removes or closes is no longer in the ledger
 * Throws `step_refused` for a step that is not among the recorded steps or a workflow that is not the operation's,
 * `operation_superseded` when the operation is settled or another attempt's, `operation_aborted` once it is to be undone,
 * `spec_version_unknown`, and `substrate_unavailable` while another try holds the claim.
 */
export async function claimStep(sql: Sql, request: ClaimRequest): Promise<Claim | 'done' | 'absent'> {
  const { input, step: key, action } = request
  const [row] = await sql<Row>({
    name: 'claim',
    text: claim,
    values: [
      input.operationId,
      input.attempt,
      key,
      action,
      input.timing.heartbeatMs,
      request.workflow,
      specVersion,
      input.tenantId,
    ],
  })
  const { step, claimed } = checked(row, request)
  if (step.state === 'done' || step.state === 'undone') return 'done'
  if (claimed === null || row === undefined) return explainNoClaim(row, step, request)
  if (row.cell === null) throw new Error(`${key} is in no cell of the registry`)
  return {
    operationId: input.operationId,
    tenantId: row.tenant,
    kind: row.kind,
    correlationId: row.correlationId,
    step,
    spec: readSpec(claimed.spec, claimed.specVersion),
    fence: claimed.fence,
    wasPresent: claimed.state === 'present',
    changes: claimed.changes,
    facts: claimed.facts,
    failures: claimed.failures,
    epoch: row.epoch ?? 1,
    suspended: row.suspended,
    cell: row.cell,
    bus: row.bus,
    wrappedKey: row.wrappedKey,
  }
}

const claim = `with o as (
    select id, tenant_id, kind, state, attempt, intent, correlation_id,
      (select s from jsonb_array_elements(case intent when 'forward' then steps else undo end) s where s ->> 'key' = $3) as step,
      kind || '/' || id || case attempt when 1 then '' else '/' || attempt end as workflow
    from operations where id = $1
  ), claimed as (
    update resources r set fence = nextval('fences'),
      failures = case when r.claimed_by = o.id and r.claimed_attempt = o.attempt then r.failures else 0 end,
      claimed_by = o.id, claimed_attempt = o.attempt,
      claimed_until = now() + make_interval(secs => $5::float8 / 1000)
    from o
    where r.tenant_id = o.tenant_id and r.key = o.step ->> 'resource' and o.step ->> 'action' = $4
      and o.step ->> 'state' in ('pending', 'failed')
      and o.state = 'running' and o.attempt = $2 and o.workflow = $6
      and o.tenant_id::text = $8 and r.spec_version = $7
      and (r.claimed_until is null or r.claimed_until < now() or (r.claimed_by = o.id and r.claimed_attempt = o.attempt)
        -- To close goes before what may take hours, where the target itself refuses who is late.
        or (r.kind = 'database' and $4 = 'freeze'))
    returning r.*
  )
  select o.tenant_id as tenant, o.kind, o.state, o.attempt, o.intent, o.correlation_id as "correlationId", o.step,
    jsonb_build_object('key', r.key, 'spec', r.spec, 'specVersion', r.spec_version) as wanted,
    case when c.key is not null then jsonb_build_object('spec', c.spec, 'specVersion', c.spec_version, 'fence', c.fence,
      'state', c.state, 'changes', c.spec_before is not null, 'facts', c.facts, 'failures', c.failures) end as claimed,
    p.epoch::float8 as epoch, t.suspended, to_jsonb(ce) as cell, to_jsonb(bu) as bus,
    encode(k.wrapped, 'base64') as "wrappedKey"
  from o join tenants t on t.id = o.tenant_id
  left join resources r on r.tenant_id = o.tenant_id and r.key = o.step ->> 'resource'
  left join claimed c on true
  left join tenant_keys k on k.tenant_id = o.tenant_id
  left join lateral (
    select p.epoch, p.cell from placements p
    where p.tenant_id = r.tenant_id and p.environment = r.environment and r.placement in (0, p.number)
    order by p.state = 'active' desc, p.state = 'suspended' desc, p.number desc limit 1
  ) p on true
  left join cells ce on ce.name = case r.kind when 'topic' then p.cell else r.cell end
  left join buses bu on bu.name = r.cell and r.kind = 'topic'`

/** What was asked for agrees with what is recorded, or an error says what does not. */
function checked(row: Row | undefined, { input, action, step: key, workflow }: ClaimRequest) {
  if (row === undefined) throw refused(input.operationId, 'there is no such operation')
  const { kind, tenant, state, attempt, intent, step, claimed } = row
  requireOwn({ id: input.operationId, kind, tenant }, { input, workflow })
  if (!isOpen(state) || attempt !== input.attempt)
    throw new FreeholdError(
      'operation_superseded',
      `operation ${input.operationId} is ${state}, attempt ${attempt}; this is attempt ${input.attempt}`,
    )
  if (step?.action === action) return { step, claimed }
  if (intent === 'compensate' && action !== 'remove')
    throw new FreeholdError('operation_aborted', `operation ${input.operationId} is to be undone`)
  throw refused(input.operationId, `${action} ${key.slice(0, 100)} is not among the recorded steps`)
}

/** Why nothing was claimed: `absent` when it is to be removed or closed and no longer in the ledger; anything else is an error. */
function explainNoClaim(row: Row | undefined, step: Step, { input }: ClaimRequest): 'absent' {
  if (row?.state === 'interrupted')
    throw new FreeholdError(
      'substrate_unavailable',
      `operation ${input.operationId} is interrupted and not yet resumed`,
    )
  if (row === undefined || row.wanted.key === null) {
    if (step.action === 'remove' || step.action === 'freeze') return 'absent'
    throw new FreeholdError('operation_superseded', `${step.resource} is no longer in the ledger`)
  }
  readSpec(row.wanted.spec, row.wanted.specVersion)
  throw new FreeholdError(
    'substrate_unavailable',
    `an earlier try still holds the claim of ${step.resource}; this one comes again`,
  )
}

/** Gives a claim another lease; false when another has it by now. */
export async function renewClaim(
  sql: Sql,
  claim: Pick<Claim, 'tenantId' | 'spec' | 'fence'>,
  leaseMs: number,
): Promise<boolean> {
  const rows = await sql({
    name: 'renew-claim',
    text: `update resources set claimed_until = now() + make_interval(secs => $4::float8 / 1000)
      where tenant_id = $1 and key = $2 and fence = $3 and claimed_until is not null returning key`,
    values: [claim.tenantId, claim.spec.key, claim.fence, leaseMs],
  })
  return rows.length === 1
}
