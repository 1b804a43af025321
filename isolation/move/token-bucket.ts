import { setTimeout as sleep } from 'node:timers/promises'

/** Time as the bucket sees it; tests bring their own. */
export type Clock = {
  /** Milliseconds since some moment. */
  now(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export type TokenBucket = {
  /** Waits until so many bytes may pass. Those who wait pass in the order in which they came. Throws when aborted. */
  take(bytes: number, signal: AbortSignal): Promise<void>
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
}

/** How much of what was not used may pass at once later: a tenth of a second. */
const burstMs = 100

/**
 * One limit for all who share the bucket: so many bytes a second, undefined for no limit. What is larger than the bucket
 * passes and is paid for by whoever comes next, so a piece of any size is let through. Throws a `RangeError` for a limit
 * that nothing could ever pass.
 */
export function createTokenBucket(bytesPerSecond: number | undefined, clock: Clock = realClock): TokenBucket {
  if (bytesPerSecond === undefined) return { take: async (_, signal) => signal.throwIfAborted() }
  if (!(bytesPerSecond > 0)) throw new RangeError(`a limit of ${bytesPerSecond} bytes per second lets nothing pass`)
  // The moment up to which everything is paid for.
  let paid = clock.now() - burstMs
  return {
    async take(bytes, signal) {
      signal.throwIfAborted()
      const now = clock.now()
      const from = Math.max(paid, now - burstMs)
      paid = from + (bytes / bytesPerSecond) * 1000
      if (from > now) await clock.sleep(from - now, signal)
    },
  }
}
