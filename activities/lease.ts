import { cancellationSignal, CancelledFailure } from '@temporalio/activity'
import { FreeholdError } from '../domain/errors.ts'
import type { StepAction, Timing } from '../domain/operation.ts'
import { renewClaim, type Claim } from '../operations/claim.ts'
import type { Sql } from '../registry/sql.ts'

/** The time a try has, and why it ended before its work. */
export type Lease = {
  /** Aborted when the claim is lost, the time is over, or the workflow or the worker wants no more of it. */
  readonly signal: AbortSignal
  /** What the work gives, or the reason of the signal, whichever comes first. */
  race<T>(work: Promise<T>): Promise<T>
  /** Why the signal is aborted; undefined while it is not. */
  reason(): Error | undefined
  end(): void
}

/**
 * Renews a claim for as long as its work goes on, three times in the length of a lease. When it cannot be renewed for the
 * length of a lease it is taken for lost, because another may have it by then.
 * @param asked when the claim was asked for, by `performance.now()`: its lease may have begun then
 */
export function holdLease(sql: Sql, claim: Claim, { heartbeatMs, tryMs }: Timing, asked: number): Lease {
  const ended = new AbortController()
  const signal = AbortSignal.any([ended.signal, cancellationSignal()])
  let last = asked
  let asking = false
  const lost = (error: FreeholdError) => ended.abort(error)

  const renewing = setInterval(() => {
    if (performance.now() - last > heartbeatMs)
      lost(
        new FreeholdError(
          'registry_unavailable',
          `the claim of ${claim.spec.key} could not be renewed; its work was stopped`,
        ),
      )
    if (asking || ended.signal.aborted) return
    asking = true
    const asked = performance.now()
    renewClaim(sql, claim, heartbeatMs)
      .then((isOurs) => {
        if (isOurs) last = asked
        else
          lost(
            new FreeholdError(
              'operation_superseded',
              `another try has the claim of ${claim.spec.key}; nothing was recorded`,
            ),
          )
      })
      .catch(() => undefined)
      .finally(() => (asking = false))
  }, heartbeatMs / 3)

  const limit = setTimeout(() => {
    lost(timeOver(claim, tryMs))
  }, actMs(tryMs[claim.step.action]))

  return {
    signal,
    race: <T>(work: Promise<T>) =>
      Promise.race([
        work,
        new Promise<never>((_, reject) => {
          if (signal.aborted) reject(asError(signal.reason))
          signal.addEventListener('abort', () => reject(asError(signal.reason)), { once: true })
        }),
      ]),
    reason: () => (signal.aborted ? asError(signal.reason) : undefined),
    end() {
      clearInterval(renewing)
      clearTimeout(limit)
    },
  }
}

/**
 * What a try failed of whose time is over. What was copied or read as long as an operator allows would be as slow when it is begun
 * again from its beginning, and the tenant stays closed meanwhile.
 */
function timeOver({ step }: Claim, tryMs: Timing['tryMs']): FreeholdError {
  const what = `${step.title}: no end within ${Math.round(tryMs[step.action] / 1_000)} s`
  return copying.has(step.action)
    ? new FreeholdError('step_timed_out', `${what}; it gets longer with a higher FREEHOLD_ARCHIVE_TIMEOUT_MS`)
    : new FreeholdError('substrate_unavailable', `${what}; it is tried again`)
}
const copying: ReadonlySet<StepAction> = new Set<StepAction>(['export', 'verify', 'import', 'compare'])

/** A try ends by itself a little before the server gives it up, so that it can say why and give its claim back. */
export function actMs(tryMs: number): number {
  return Math.max(tryMs * 0.9, tryMs - 5_000)
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new CancelledFailure(String(reason))
}
