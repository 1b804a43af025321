import { setTimeout as sleep } from 'node:timers/promises'
import { FreeholdError } from '../domain/errors.ts'

/** What `work` gives, or the signal's reason as soon as it is aborted; the work is then left alone and its end ignored. */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {})
  if (signal.aborted) throw signal.reason
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

type Bounds = { readonly signal: AbortSignal; readonly timeoutMs: number; readonly spec: { readonly name: string } }

/** How long a verb that is aborted may take to end. */
const endingMs = 700

/**
 * Runs a verb on a target whose signal is also aborted when the verb's time is over. Ends within a second of the signal,
 * whatever the verb does. Throws the signal's reason, and `substrate_unavailable` when the time is over.
 * @param graceMs for a verb that watches the time itself, and says better what took so long
 */
export async function bounded<T extends Bounds, R>(
  target: T,
  verb: (target: T) => Promise<R>,
  graceMs = 0,
): Promise<R> {
  target.signal.throwIfAborted()
  const own = new AbortController()
  const timer = setTimeout(
    () =>
      own.abort(
        new FreeholdError('substrate_unavailable', `${target.spec.name} did not answer within ${target.timeoutMs} ms`),
      ),
    target.timeoutMs + graceMs,
  )
  const stop = () => own.abort(target.signal.reason)
  target.signal.addEventListener('abort', stop, { once: true })
  const running = (async () => verb({ ...target, signal: own.signal }))()
  try {
    return await untilAborted(own.signal, running)
  } catch (error) {
    // It closes what it has opened; its own error is only what the abort has made of its work.
    if (own.signal.aborted) await Promise.race([running.catch(() => {}), sleep(endingMs, undefined, { ref: false })])
    throw error
  } finally {
    clearTimeout(timer)
    target.signal.removeEventListener('abort', stop)
  }
}
