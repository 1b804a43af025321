import { errorText } from '../domain/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'
import { deleteOldAnswers } from '../registry/idempotency.ts'
import { sqlOf } from '../registry/pool.ts'
import type { Orm } from '../registry/orm.ts'

/** How long the answer to a call with an Idempotency-Key is kept at least. */
export const answersKeptSeconds = 24 * 3_600
const pauseMs = 5 * 60_000
const limit = 1_000

/**
 * Deletes what has served its time, a bounded piece at each call, and rests for 5 minutes when nothing is left of it. A
 * failure is logged and tried again at the next call. Safe in many workers at once.
 */
export function createHousekeeping(
  { orm, log, metrics }: { orm: Orm; log: Logger; metrics: WorkerMetrics },
  { keptSeconds }: { keptSeconds: number },
): () => Promise<void> {
  let rested = 0
  return async () => {
    if (performance.now() < rested) return
    try {
      const deleted = await deleteOldAnswers(sqlOf(orm.pool), { keptSeconds, limit })
      metrics.answersDeleted.inc(deleted)
      if (deleted < limit) rested = performance.now() + pauseMs
    } catch (error) {
      log.warn({ reason: errorText(error) }, 'housekeeping failed; will try again')
    }
  }
}
