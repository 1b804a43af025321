import type { Logger } from '../base/logger.ts'
import type { Signer } from '../crypto/signing.ts'
import { errorText } from '../domain/errors.ts'
import { makeCheckpoints } from '../registry/checkpoints.ts'
import type { Orm } from '../registry/orm.ts'

/** How often to look for news at most, so that what comes after a quiet time is signed soon. */
const lookMs = 60_000

/**
 * Makes checkpoints of the trail when the last one is older than the interval and something is new. It looks once a minute, or
 * more often where the interval is shorter. A failure is logged and tried again.
 */
export function createCheckpointing(
  { orm, signer, log }: { orm: Orm; signer: Signer; log: Logger },
  { intervalMs }: { intervalMs: number },
): () => Promise<void> {
  let rested = 0
  return async () => {
    if (performance.now() < rested) return
    rested = performance.now() + Math.min(intervalMs, lookMs)
    try {
      const made = await makeCheckpoints(orm.pool, signer, { intervalMs })
      if (made > 0) log.debug({ made }, 'the heads of the trail are signed')
    } catch (error) {
      log.warn({ reason: errorText(error) }, 'no checkpoint of the trail was made; will try again')
    }
  }
}
