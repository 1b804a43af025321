import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from './errors.ts'

const pauseAfterCutMs = 300
const mostPauses = 3
const longestPauseMs = 30_000

/** Told when the API asks for a pause, before it is made. */
export type OnPause = (pause: { readonly status: number; readonly pauseMs: number }) => void

/**
 * Makes one request by `attempt`, and again in two cases: once, after a short pause, when the connection failed; and up
 * to three times when the API asks for a pause (429 or 503 with Retry-After) of no more than 30 s. So `attempt` must
 * send what is safe to send twice. Throws the last error as it came. `signal` ends a pause too.
 */
export async function resending<T>(
  attempt: () => Promise<T>,
  { onPause, signal }: { onPause: OnPause; signal: AbortSignal },
): Promise<T> {
  const made = { resent: false, pauses: 0 }
  for (;;) {
    try {
      return await attempt()
    } catch (cause) {
      const pauseMs = pauseBehind(cause, made)
      if (pauseMs === undefined || signal.aborted) throw cause
      if (cause instanceof ApiError) {
        made.pauses += 1
        onPause({ status: cause.status, pauseMs })
      } else made.resent = true
      await sleep(pauseMs, undefined, { signal })
    }
  }
}

function pauseBehind(cause: unknown, made: { resent: boolean; pauses: number }): number | undefined {
  if (cause instanceof ApiError) {
    const { retryAfterMs } = cause
    const isPatient = retryAfterMs !== undefined && retryAfterMs <= longestPauseMs && made.pauses < mostPauses
    return isPatient ? retryAfterMs : undefined
  }
  // `fetch` reports a failed connection as a TypeError, whether the answer's head or its body was cut off.
  return cause instanceof TypeError && !made.resent ? pauseAfterCutMs : undefined
}
