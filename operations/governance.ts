import type pg from 'pg'
import { isDenial, isOpenTo, type GovernanceEndpoint, type Question, type Verdict } from '../domain/governance.ts'
import type { NewEvent } from '../domain/events.ts'
import type { Command } from '../domain/lifecycle.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import { eventsJson } from '../registry/events.ts'
import { transaction } from '../registry/pool.ts'
import { one, type Sql } from '../registry/sql.ts'
import { isCurrent } from './begin.ts'
import { requireOwn, type Caller } from './caller.ts'
import { operationEvent } from './operation-event.ts'
import { lockOperation, type LockedOperation } from './rows.ts'

/** What the endpoint is to be asked, and by which id of a message; undefined when there is nothing to ask any more. */
export function prepareQuestion(
  pool: pg.Pool,
  caller: Caller,
): Promise<{ id: string; question: Question } | undefined> {
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, caller.input.operationId)
    const { operation, tenant } = held
    requireOwn(operation, caller)
    if (!awaitsAnswer(held, caller)) return undefined
    const { manifest, at } = await factsOf(sql, held)
    const { id, kind: command, generation, policyVersion, attempt } = operation
    const { profile, plan, region } = manifest.spec
    const question: Question = {
      version: 1,
      nonce: id,
      command,
      tenant: { id: tenant.id, slug: tenant.slug, profile, plan, region, labels: manifest.metadata.labels },
      generation,
      policyVersion,
      at: at.toISOString(),
    }
    return { id: `${id}.${attempt}`, question }
  })
}

/** Whether an answer is of use still: the attempt has not begun, nobody aborts it, and no verdict is recorded. */
function awaitsAnswer(held: LockedOperation, { input }: Caller): boolean {
  const { phase, intent, verdict } = held.operation
  return isCurrent(held, input) && phase === 'accepted' && intent === 'forward' && !verdict
}

function factsOf(sql: Sql, { operation, tenant }: LockedOperation) {
  return one(
    sql<{ manifest: ResolvedManifest; at: Date }>({
      name: 'question',
      text: `select resolved as manifest, now() as at from generations where tenant_id = $1 and number = $2`,
      values: [tenant.id, operation.generation],
    }),
  )
}

/**
 * Records what came of asking, with its event; once for an attempt, and never over what is recorded already. A command that
 * goes on without an answer, and one that does not go on, are told; one that is allowed is told when it begins.
 */
export function recordVerdict(pool: pg.Pool, caller: Caller, verdict: Verdict): Promise<void> {
  return transaction(pool, async (sql) => {
    const held = await lockOperation(sql, caller.input.operationId)
    const { operation, tenant } = held
    requireOwn(operation, caller)
    if (!awaitsAnswer(held, caller)) return
    await sql({
      name: 'record-verdict',
      text: `with recorded as (
          update operations set verdict = $2::jsonb, revision = revision + 1, updated_at = now() where id = $1
        )
        select append_events($3::uuid::text, $4::jsonb)`,
      values: [operation.id, JSON.stringify(verdict), tenant.id, eventsJson(eventsOf(held, verdict))],
    })
  })
}

function eventsOf({ operation }: LockedOperation, verdict: Verdict): NewEvent[] {
  const { outcome, message, code } = verdict
  const data = { kind: operation.kind, attempt: operation.attempt, message }
  if (outcome === 'open') return [operationEvent(operation, 'system:worker', 'TENANCY_GOVERNANCE_UNANSWERED', data)]
  if (!isDenial(verdict)) return []
  const reasons = verdict.reasons.map(({ rule, message: told, remedy }) => ({
    rule,
    message: told,
    remedy: remedy ?? null,
  }))
  const by = { code: code ?? null, by: 'governance endpoint', reasons }
  return [operationEvent(operation, 'system:worker', 'TENANCY_DENIED', { ...data, ...by })]
}

/** The verdict where no valid answer came: what was wrong, and whether the command goes on all the same. */
export function verdictWithoutAnswer(
  endpoint: GovernanceEndpoint,
  {
    command,
    code,
    message,
  }: {
    command: Command
    code: 'governance_unavailable' | 'governance_answer_invalid'
    message: string
  },
): Verdict {
  // An answer that is not the endpoint's own is no outage: somebody may be in between.
  const goesOn = code === 'governance_unavailable' && isOpenTo(endpoint, command)
  return goesOn
    ? { outcome: 'open', message: `${message}; ${command} goes on without an answer`, reasons: [] }
    : {
        outcome: 'closed',
        code,
        message: `${message}; ${command} was not begun: retry it once the endpoint answers`,
        reasons: [],
      }
}
