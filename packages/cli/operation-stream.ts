import { setTimeout as sleep } from 'node:timers/promises'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import type { Operation } from './api-types.ts'
import { ApiError } from './api-error.ts'
import type { Client } from './client.ts'
import { CliError, exitCodes } from './failures.ts'
import { path } from './paths.ts'

const firstPauseMs = 250
const longestPauseMs = 5_000

/** Whether an operation moves no more by itself: it is settled, or interrupted until an operator retries or aborts. */
export function atRest({ state }: Operation): boolean {
  return state !== 'accepted' && state !== 'running'
}

/**
 * Follows an operation until it is at rest and gives its last state; `onUpdate` sees every state that arrives. After a
 * cut it resumes behind the last event it saw; `onCut` is told once for each cut. Throws CliError with exit code 5 after `timeoutMs`, and at once when the
 * API refuses or the first connection fails.
 */
export async function followOperation(
  client: Client,
  id: string,
  options: { timeoutMs: number; onUpdate: (operation: Operation) => void; onCut: () => void },
): Promise<Operation> {
  const deadline = AbortSignal.timeout(options.timeoutMs)
  const seen: { id?: string; connected: boolean; pauseMs: number } = { connected: false, pauseMs: firstPauseMs }
  for (;;) {
    try {
      const stream = await client.stream(path('operations', id, 'stream'), seen.id, deadline)
      seen.connected = true
      for await (const event of events(stream)) {
        seen.pauseMs = firstPauseMs
        if (event.event !== 'operation' && event.event !== 'end') continue
        if (event.id !== undefined) seen.id = event.id
        const isEnd = event.event === 'end'
        const operation = isEnd
          ? await client.get<Operation>(path('operations', id))
          : (JSON.parse(event.data) as Operation)
        options.onUpdate(operation)
        if (isEnd || atRest(operation)) return operation
      }
    } catch (cause) {
      if (deadline.aborted) throw timedOut(id, options.timeoutMs)
      const refused = cause instanceof ApiError && cause.exitCode === exitCodes.refused
      if (!seen.connected || refused || cause instanceof SyntaxError) throw cause
    }
    if (seen.pauseMs === firstPauseMs) options.onCut()
    await sleep(seen.pauseMs, undefined, { signal: deadline }).catch(() => {
      throw timedOut(id, options.timeoutMs)
    })
    seen.pauseMs = Math.min(seen.pauseMs * 2, longestPauseMs)
  }
}

function events(response: Response) {
  const body = response.body ?? new ReadableStream<Uint8Array<ArrayBuffer>>()
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
}

function timedOut(id: string, timeoutMs: number): CliError {
  return new CliError(exitCodes.timeout, `operation ${id} is not done after ${timeoutMs / 1000} s; it goes on`, {
    next: `freehold watch ${id}`,
  })
}
