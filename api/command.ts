import { DeadlockException, DriverException, LockMode } from '@mikro-orm/core'
import type { Context } from 'hono'
import { sha256 } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import { platformStream, type Actor } from '../domain/events.ts'
import type { Json } from '../domain/json.ts'
import type { Startable } from '../base/temporal.ts'
import { Tenant, type TenantRow } from '../registry/entities/tenant.ts'
import { appendEvents } from '../registry/events.ts'
import { findAnswer, keepAnswer } from '../registry/idempotency.ts'
import type { EntityManager } from '../registry/orm.ts'
import { findTenant } from '../registry/tenants.ts'
import type { ApiDeps, ApiEnv } from './deps.ts'

/** Who commands, and under which conditions. */
export type Call = {
  readonly actor: Actor
  readonly apiKey: string
  readonly correlationId: string
  readonly idempotencyKey: string | undefined
  readonly requestHash: string
  /** Generations one of which the tenant must have; `any`: it must exist; undefined: nothing is asked. */
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
      throw new FreeholdError('invalid_request', 'If-Match must be the generation in quotes, such as "3"')
    return Number(number)
  })
}

/**
 * The one transaction that accepts a command: the answer kept under the Idempotency-Key, or else `work`, which locks the
 * tenant, checks, writes and appends its events last. The workflow service is told after the commit; when that fails the
 * command stands, because the worker's sweep starts what was left behind. A refusal by policy is itself an event.
 */
export async function runCommand<B extends object>(
  deps: ApiDeps,
  call: Call,
  work: (em: EntityManager, call: Call) => Promise<Accepted<B>>,
): Promise<Accepted<B>> {
  try {
    const accepted = await inTransaction(deps, (em) => once(em, call, work))
    tell(deps, accepted)
    return accepted
  } catch (error) {
    if (error instanceof FreeholdError && error.code === 'policy_denied') await noteDenial(deps, call, error)
    throw error
  }
}

/** Two found the same free network segment; the second finds another. */
const exclusionViolation = '23P01'

/** Locks are taken in one order; where a part of Freehold fails to, the one PostgreSQL picks as the victim begins again. */
async function inTransaction<T>(deps: ApiDeps, work: (em: EntityManager) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await deps.orm.em.fork().transactional(work)
    } catch (error) {
      const passes =
        error instanceof DeadlockException || (error instanceof DriverException && error.code === exclusionViolation)
      if (!passes || attempt === attempts) throw error
    }
  }
}

async function once<B extends object>(
  em: EntityManager,
  call: Call,
  work: (em: EntityManager, call: Call) => Promise<Accepted<B>>,
): Promise<Accepted<B>> {
  if (call.idempotencyKey === undefined) return work(em, call)
  const idempotent = { apiKey: call.apiKey, key: call.idempotencyKey, requestHash: call.requestHash }
  const kept = await findAnswer(em, idempotent)
  if (kept !== null)
    return {
      status: kept.status === 200 ? 200 : 202,
      headers: { ...kept.headers, 'Idempotency-Replayed': 'true' },
      body: kept.body as B,
    }
  const accepted = await work(em, call)
  const { status, headers, body } = accepted
  await keepAnswer(em, idempotent, { status, headers, body: body as Json })
  return accepted
}

function tell({ starter, log }: ApiDeps, { start, cancel }: Accepted<unknown>): void {
  const told = [
    ...(start === undefined ? [] : [{ operation: start, done: starter.start(start) }]),
    ...(cancel === undefined ? [] : [{ operation: cancel, done: starter.cancel(cancel) }]),
  ]
  for (const { operation, done } of told)
    done.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown'
      log.warn({ operation_id: operation.id, tenant_id: operation.tenant, reason }, 'left to the sweep')
    })
}

async function noteDenial(deps: ApiDeps, call: Call, error: FreeholdError): Promise<void> {
  await deps.orm.em.fork().transactional((em) =>
    appendEvents(em, platformStream, [
      {
        type: 'TENANCY_DENIED',
        actor: call.actor,
        correlationId: call.correlationId,
        data: { code: error.code, path: error.details[0]?.path ?? null, message: error.message },
      },
    ]),
  )
}

/** A tenant, locked until the commit. Throws what `findTenant` throws, and `generation_mismatch` by If-Match. */
export async function lockTenant(em: EntityManager, call: Call, idOrSlug: string): Promise<TenantRow> {
  const { id } = await findTenant(em, idOrSlug)
  await em.findOneOrFail(Tenant, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true })
  // Found anew by id: it may have been purged while the lock was awaited.
  const tenant = await findTenant(em, id)
  if (Array.isArray(call.ifMatch) && !call.ifMatch.includes(tenant.generation))
    throw new FreeholdError(
      'generation_mismatch',
      `tenant ${tenant.slug} is at generation ${tenant.generation}, which is none of If-Match`,
      { facts: { generation: tenant.generation } },
    )
  return tenant
}
