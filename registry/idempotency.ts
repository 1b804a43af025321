import { FreeholdError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import type { Sql } from './sql.ts'
import { hasCode } from './unavailable.ts'

/** What was answered to a mutation, as it is given again to the same call. */
export type KeptAnswer = { status: number; headers: Record<string, string>; body: Json }

/** Of an answer that went with its tenant. */
export const goneStatus = 410

/** A call under a key of its caller's choice; `requestHash` stands for all that the call says. */
export type IdempotentCall = { apiKey: string; key: string; requestHash: string }

/**
 * The answer that was given to this call before, or undefined. Holds the key for the length of the caller's transaction, so
 * that a twin waits for the answer; one that waits longer than 5 s gets `idempotency_in_progress`. No other lock is waited for
 * any longer in this transaction.
 * Throws `idempotency_conflict` when the key was used for another call, and `tenant_gone` when its tenant was purged since.
 */
export async function findAnswer(sql: Sql, call: IdempotentCall): Promise<KeptAnswer | undefined> {
  try {
    await sql({
      name: 'lock-answer',
      text: `select set_config('lock_timeout', '5s', true), pg_advisory_xact_lock(hashtextextended($1, 0))`,
      values: [`${call.apiKey}/${call.key}`],
    })
  } catch (cause) {
    if (!hasCode(cause, '55P03')) throw cause
    throw new FreeholdError(
      'idempotency_in_progress',
      'the first call with this Idempotency-Key is still being answered; send it again',
      { cause },
    )
  }
  const [kept] = await sql<KeptAnswer & { requestHash: string }>({
    name: 'find-answer',
    text: `select status, headers, body, request_hash as "requestHash" from idempotency_records
      where api_key_id = $1 and key = $2`,
    values: [call.apiKey, call.key],
  })
  if (kept?.status === goneStatus)
    throw new FreeholdError(
      'tenant_gone',
      'the tenant that this Idempotency-Key was used for was purged; use a new key for a new request',
    )
  if (kept !== undefined && kept.requestHash !== call.requestHash)
    throw new FreeholdError(
      'idempotency_conflict',
      'this Idempotency-Key was used for another request; use a new key for a new request',
    )
  return kept
}

/** Keeps the answer to this call, in the transaction that made it true. */
export async function keepAnswer(sql: Sql, call: IdempotentCall, answer: KeptAnswer): Promise<void> {
  await sql({
    name: 'keep-answer',
    text: `insert into idempotency_records (api_key_id, key, request_hash, status, headers, body)
      values ($1, $2, $3, $4, $5::jsonb, $6::jsonb)`,
    values: [
      call.apiKey,
      call.key,
      call.requestHash,
      answer.status,
      JSON.stringify(answer.headers),
      JSON.stringify(answer.body),
    ],
  })
}

/**
 * Deletes answers kept longer than `keptSeconds` by the database's clock, the oldest first and at most `limit`; a call
 * under such a key is a new call. Locks nothing but what it deletes, and several may run at once.
 * @returns how many it deleted
 */
export async function deleteOldAnswers(
  sql: Sql,
  { keptSeconds, limit }: { keptSeconds: number; limit: number },
): Promise<number> {
  const deleted = await sql({
    text: `delete from idempotency_records where (api_key_id, key) in (
       select api_key_id, key from idempotency_records where created_at < now() - make_interval(secs => $1)
       order by created_at limit $2 for update skip locked) returning key`,
    values: [keptSeconds, limit],
  })
  return deleted.length
}
