import type { Context } from 'hono'
import { sha256 } from '../crypto/tokens.ts'
import { FreeholdError, errorText } from '../domain/errors.ts'
import { platformStream, type Actor } from '../domain/events.ts'
import type { Json } from '../domain/json.ts'
import type { Startable } from '../base/temporal.ts'
import { lockTenant } from '../operations/accept.ts'
import { RoomTaken } from '../operations/places.ts'
import { denialData } from '../operations/note-denial.ts'
import type { TenantFacts } from '../operations/rows.ts'
import { appendEvents } from '../registry/events.ts'
import { findAnswer, keepAnswer } from '../registry/idempotency.ts'
import { transaction } from '../registry/pool.ts'
import type { Sql } from '../registry/sql.ts'
import { hasCode, isConflict } from '../registry/unavailable.ts'
import type { ApiDeps, ApiEnv } from './deps.ts'

/** Who commands, and under which conditions. */
export type Call = {
  readonly actor: Actor
  readonly apiKey: string
  readonly correlationId: string
  readonly idempotencyKey: string | undefined
  readonly requestHash: string
  /** Generations one of which the tenant must have (or versions, the policy); `any`: it must exist; undefined: nothing is asked. */
  readonly ifMatch: readonly number[] | 'any' | undefined
}

/** What a command answers, and what the workflow service is to be told once it is committed. */
export type Accepted<B> = {
  readonly status: 200 | 202
  readonly headers: Record<string, string>
  readonly body: B
  readonly start?: Startable
  readonly cancel?: Startable
}

const attempts = 4

/** Reads the caller and the headers that guard a mutation. Throws `invalid_request` for malformed ones. */
export function callOf(c: Context<ApiEnv>, body: string): Call {
  const { id, name } = c.get('apiKey')
  const idempotencyKey = c.req.header('idempotency-key')
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey))
    throw new FreeholdError('invalid_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters')
  const ifMatch = c.req.header('if-match')
  return {
    actor: `key:${name}`,
    apiKey: id,
    correlationId: c.get('correlationId'),
    idempotencyKey,
    requestHash: sha256(JSON.stringify([c.req.method, c.req.path, ifMatch ?? '', body])),
    ifMatch: ifMatch === undefined ? undefined : generationsOf(ifMatch),
  }
}

function generationsOf(header: string): readonly number[] | 'any' {
  if (header.trim() === '*') return 'any'
  return header.split(',').map((tag) => {
    const number = /^"(\d{1,9})"$/.exec(tag.trim())?.[1]
    if (number === undefined)
      throw new FreeholdError(
        'invalid_request',
        'If-Match must be the generation (of the policy: the version) in quotes, such as "3"',
      )
    return Number(number)
  })
}

/**
 * The one transaction that accepts a command: the answer kept under the Idempotency-Key, or else `work`, which locks the
 * tenant, checks, and has `operations/` write. The workflow service is told after the commit; when that fails the command
 * stands, because the worker's sweep starts what was left behind. A refusal by policy is itself an event.
 */
export async function runCommand<B extends object>(
  deps: ApiDeps,
  call: Call,
  work: (sql: Sql) => Promise<Accepted<B>>,
): Promise<Accepted<B>> {
  try {
    const accepted = await inTransaction(deps, (sql) => once(sql, call, work))
    notifyWorkflow(deps, accepted)
    return accepted
  } catch (error) {
    if (error instanceof FreeholdError && error.code === 'policy_denied') await tellDenial(deps, call, error)
    throw error
  }
}

/** Two found the same free network segment, and the second finds another; or a secret that was found is deleted by now. */
const overtaken = ['23P01', '23503']

async function inTransaction<T>({ orm }: ApiDeps, work: (sql: Sql) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction(orm.pool, work)
    } catch (error) {
      const passes = error instanceof RoomTaken || isConflict(error) || hasCode(error, ...overtaken)
      if (!passes || attempt === attempts) throw error
    }
  }
}

async function once<B extends object>(
  sql: Sql,
  call: Call,
  work: (sql: Sql) => Promise<Accepted<B>>,
): Promise<Accepted<B>> {
  if (call.idempotencyKey === undefined) return work(sql)
  const idempotent = { apiKey: call.apiKey, key: call.idempotencyKey, requestHash: call.requestHash }
  const kept = await findAnswer(sql, idempotent)
  if (kept !== undefined)
    return {
      status: kept.status === 200 ? 200 : 202,
      headers: { ...kept.headers, 'Idempotency-Replayed': 'true' },
      body: kept.body as B,
    }
  const accepted = await work(sql)
  const { status, headers, body } = accepted
  await keepAnswer(sql, idempotent, { status, headers, body: body as Json })
  return accepted
}

function notifyWorkflow({ starter, log }: ApiDeps, { start, cancel }: Accepted<unknown>): void {
  const told = [
    ...(start === undefined ? [] : [{ operation: start, done: starter.start(start) }]),
    ...(cancel === undefined ? [] : [{ operation: cancel, done: starter.cancel(cancel) }]),
  ]
  for (const { operation, done } of told)
    done.catch((error: unknown) => {
      const reason = errorText(error)
      log.warn({ operation_id: operation.id, tenant_id: operation.tenant, reason }, 'left to the sweep')
    })
}

/** On the stream of the tenant that the command was for; on that of the platform where there is none. */
async function tellDenial(deps: ApiDeps, { actor, correlationId }: Call, error: FreeholdError): Promise<void> {
  const { tenantId } = error.facts
  const stream = typeof tenantId === 'string' ? tenantId : platformStream
  await deps.orm.em
    .fork()
    .transactional((em) =>
      appendEvents(em, stream, [{ type: 'TENANCY_DENIED', actor, correlationId, data: denialData(error) }]),
    )
}

/** A tenant, locked until the commit. Throws what `lockTenant` throws, and `generation_mismatch` by If-Match. */
export async function lockNamed(sql: Sql, call: Call, idOrSlug: string): Promise<TenantFacts> {
  const tenant = await lockTenant(sql, idOrSlug)
  requireGeneration(call, tenant)
  return tenant
}

/** Throws `generation_mismatch` unless the tenant is at a generation of If-Match. */
export function requireGeneration({ ifMatch }: Call, { slug, generation }: TenantFacts): void {
  if (!Array.isArray(ifMatch) || ifMatch.includes(generation)) return
  throw new FreeholdError(
    'generation_mismatch',
    `tenant ${slug} is at generation ${generation}, which is none of If-Match`,
    { facts: { generation } },
  )
}
