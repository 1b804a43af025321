import { FreeholdError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { IdempotencyRecord } from './entities/access.ts'
import type { EntityManager } from './orm.ts'

/** What was answered to a mutation, as it is given again to the same call. */
export type KeptAnswer = { status: number; headers: Record<string, string>; body: Json }

/** A call under a key of its caller's choice; `requestHash` stands for all that the call says. */
export type IdempotentCall = { apiKey: string; key: string; requestHash: string }

/**
 * The answer that was given to this call before, or null. Holds the key for the length of the caller's transaction, so
 * that a twin waits for the answer; one that waits longer than 5 s gets `idempotency_in_progress`.
 * Throws `idempotency_conflict` when the key was used for another call.
 */
export async function findAnswer(em: EntityManager, call: IdempotentCall): Promise<KeptAnswer | null> {
  try {
    await em.execute(`set local lock_timeout = '5s'`)
    await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`${call.apiKey}/${call.key}`])
    await em.execute('set local lock_timeout = default')
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== '55P03') throw cause
    throw new FreeholdError(
      'idempotency_in_progress',
      'the first call with this Idempotency-Key is still being answered; send it again',
      { cause },
    )
  }
  const kept = await em.findOne(IdempotencyRecord, { apiKey: call.apiKey, key: call.key })
  if (kept !== null && kept.requestHash !== call.requestHash)
    throw new FreeholdError(
      'idempotency_conflict',
      'this Idempotency-Key was used for another request; use a new key for a new request',
    )
  return kept
}

/** Keeps the answer to this call, in the transaction that made it true. */
export async function keepAnswer(em: EntityManager, call: IdempotentCall, answer: KeptAnswer): Promise<void> {
  em.create(IdempotencyRecord, { ...call, ...answer })
  await em.flush()
}

/**
 * Deletes answers kept longer than `keptSeconds` by the database's clock, the oldest first and at most `limit`; a call
 * under such a key is a new call. Locks nothing but what it deletes, and several may run at once.
 * @returns how many it deleted
 */
export async function deleteOldAnswers(
  em: EntityManager,
  { keptSeconds, limit }: { keptSeconds: number; limit: number },
): Promise<number> {
  const { affectedRows } = await em.execute<{ affectedRows: number }>(
    `delete from idempotency_records where (api_key_id, key) in (
       select api_key_id, key from idempotency_records where created_at < now() - make_interval(secs => ?)
       order by created_at limit ? for update skip locked)`,
    [keptSeconds, limit],
    'run',
  )
  return affectedRows
}
