import { setTimeout as sleep } from 'node:timers/promises'

const firstMs = 2
const growth = 1.5
/** A cut is over in milliseconds; what takes longer than that is asked for less and less often. */
const longestOfCutMs = 40
const shareOfWait = 0.1

/** How long the next pause is: after `pauses` of them, `waitedMs` from the first on. Half of it is by chance (0 to 1). */
export function pauseMs(pauses: number, waitedMs: number, chance: number): number {
  const grown = firstMs * growth ** Math.min(pauses, 30)
  return Math.min(grown, Math.max(longestOfCutMs, waitedMs * shareOfWait)) * (0.5 + chance / 2)
}

/** The time that one transaction has to find an open side, and its pauses meanwhile. */
export function createPatience(timeoutMs: number, signal: AbortSignal | undefined) {
  const began = performance.now()
  let pauses = 0
  const leftMs = () => began + timeoutMs - performance.now()

  return {
    leftMs,
    /**
     * Waits before the next try, and gives whether there is time for one. Throws the reason of the signal.
     * @param onWake is given what ends the pause early, and gives what takes that back
     */
    async next(onWake: (wake: () => void) => () => void): Promise<boolean> {
      const ms = pauseMs(pauses, performance.now() - began, Math.random())
      if (ms > leftMs()) return false
      pauses += 1
      const woken = new AbortController()
      const leave = onWake(() => woken.abort())
      const ends = AbortSignal.any([woken.signal, ...(signal === undefined ? [] : [signal])])
      await sleep(ms, undefined, { signal: ends }).catch(() => {})
      leave()
      signal?.throwIfAborted()
      return true
    },
  }
}
