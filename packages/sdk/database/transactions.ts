import { ArgumentError } from '../errors.ts'
import type { CappedPool } from './capped-pool.ts'
import { mayPass, type ContextWatch } from './context-watch.ts'
import type { createLogins, Place } from './login-of.ts'
import { tryOnce, type Ended, type TenantClient, type Work } from './one-try.ts'
import { createPatience } from './patience.ts'
import { TenantDatabaseError } from './tenant-database-error.ts'
import { isConflict, isLoginRefused } from './verdict.ts'

export type TransactionOptions = {
  /**
   * Names what the transaction does: under one key it is committed once, whatever breaks and however often it is called;
   * later calls are given what the first gave, as JSON has it. Kept in the tenant's own table `_freehold_keys`.
   */
  readonly idempotencyKey?: string
  /** Ends it, and the work in it; its reason is thrown. Once COMMIT was sent, its answer is waited for all the same. */
  readonly signal?: AbortSignal
}

/** The database of one environment of a tenant, wherever it lives at the moment. */
export type TenantDatabase = {
  /**
   * Runs `fn` in a transaction on the side that is open now, and gives what it gives once that is committed. A side that
   * closes, a session that ends, a conflict with another transaction: it is run again from the start, so what `fn` does
   * outside of its client must bear that. What `fn` throws is rolled back and thrown as it is.
   *
   * Throws TenantDatabaseError: `outcome_unknown` (COMMIT had no answer, and there is no key to look it up by),
   * `rolled_back`, `transition_not_allowed` (the tenant is suspended, or otherwise not active), `substrate_unavailable` (no
   * open side in `timeoutMs`), `configuration_invalid`. ApiError for what the API refuses, ArgumentError for an unusable key.
   */
  transaction<T>(fn: (client: TenantClient) => Promise<T>, options?: TransactionOptions): Promise<T>
}

export type Parts = {
  readonly watch: ContextWatch
  readonly logins: ReturnType<typeof createLogins>
  readonly pool: CappedPool
  /** How long a transaction looks for an open side before its last try. */
  readonly timeoutMs: number
}

type Failed = Omit<Extract<Ended<never>, { kind: 'failed' }>, 'kind'>

/** The transactions of one environment. The retry is the lookup: what became of a COMMIT is found by running it again. */
export function createTransactions({ watch, logins, pool, timeoutMs }: Parts): TenantDatabase {
  let newest: Place | undefined

  return {
    async transaction<T>(fn: Work<T>['fn'], { idempotencyKey, signal }: TransactionOptions = {}) {
      const work = { fn, key: usable(idempotencyKey), signal }
      const patience = createPatience(timeoutMs, signal)
      let doubt: unknown
      let again = false
      for (;;) {
        signal?.throwIfAborted()
        const ended: Ended<T> = await tried(work, { again, waitMs: patience.leftMs() })
        if (ended.kind === 'committed') return ended.value
        const { error, verdict, isAnswered }: Failed = ended
        if (isAnswered) doubt = undefined
        if (verdict.kind === 'unknown') doubt = error
        const isOver = verdict.kind === 'final' || (verdict.kind === 'unknown' && work.key === undefined)
        if (doubt !== undefined && (isOver || signal?.aborted)) throw unknownOutcome(work.key, doubt)
        signal?.throwIfAborted()
        if (isOver) throw error
        const hasTime = await patience
          .next((wake) => watch.onNewer(wake))
          .catch((reason: unknown) => {
            throw doubt === undefined ? reason : unknownOutcome(work.key, doubt)
          })
        again = !isConflict(error)
        if (!hasTime) throw doubt === undefined ? noOpenSide(error) : unknownOutcome(work.key, doubt)
      }
    },
  }

  async function tried<T>(work: Work<T>, { again, waitMs }: { again: boolean; waitMs: number }): Promise<Ended<T>> {
    let place: Place | undefined
    try {
      place = await logins.of(await watch.current(again))
    } catch (error) {
      return failed({ error, verdict: { kind: mayPass(error) ? 'again' : 'final' }, isAnswered: false })
    }
    if (newest === undefined || place.epoch > newest.epoch) {
      newest = place
      pool.keepOnly(place)
    }
    try {
      const lease = await pool.acquire(place, { waitMs, signal: work.signal })
      const ended = await tryOnce(lease, place, work)
      if (ended.kind === 'failed' && ended.verdict.kind === 'again' && ended.verdict.stale !== undefined)
        watch.isOver(ended.verdict.stale)
      return ended
    } catch (error) {
      if (isLoginRefused(error)) logins.doubt(place.side)
      const isOurs = error instanceof TenantDatabaseError
      return failed({ error, verdict: { kind: isOurs ? 'final' : 'again' }, isAnswered: false })
    }
  }
}

function failed(how: Failed): Ended<never> {
  return { kind: 'failed', ...how }
}

function usable(key: string | undefined): string | undefined {
  if (key === undefined || (key.length > 0 && key.length <= 255 && !key.includes('\0'))) return key
  throw new ArgumentError('an idempotency key has 1 to 255 characters, and no NUL')
}

function unknownOutcome(key: string | undefined, cause: unknown): TenantDatabaseError {
  const next =
    key === undefined
      ? 'nothing tells whether it was committed. Look before you run it again; with an idempotency key it would have been found out'
      : 'run it again under the same idempotency key, which finds out'
  return new TenantDatabaseError('outcome_unknown', `COMMIT was sent, and no answer came: ${next}`, { cause })
}

function noOpenSide(cause: unknown): TenantDatabaseError {
  const last = cause instanceof Error && cause.message !== '' ? cause.message : String(cause)
  return new TenantDatabaseError('substrate_unavailable', `no open side was found in time; the last try: ${last}`, {
    cause,
  })
}
