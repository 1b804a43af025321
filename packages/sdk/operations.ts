import { setTimeout as sleep } from 'node:timers/promises'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { bodyOf, type Api } from './api.ts'
import { ApiError, NoAnswerError, OperationTimeoutError } from './errors.ts'
import type { Operation } from './types.ts'

const firstPauseMs = 250
const longestPauseMs = 5_000
/** Characters; more than any state of an operation. */
const longestEvent = 16 * 1024 * 1024

/** Whether an operation moves no more by itself: it is settled, or interrupted until an operator retries or aborts. */
export function atRest({ state }: Operation): boolean {
  return state !== 'accepted' && state !== 'running'
}

export type FollowOptions = {
  /** Ends it; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Told once for each cut of the connection, after which it resumes. */
  readonly onCut?: () => void
  /** How long the connection may be silent before it counts as cut; the API says something every 15 s. */
  readonly silenceMs?: number
}

export type WaitOptions = FollowOptions & {
  /** How long to wait; without it, as long as it takes. */
  readonly timeoutMs?: number
  /** Sees every state that arrives. */
  readonly onUpdate?: (operation: Operation) => void
}

/**
 * Every state of an operation from now until it is at rest, that one too. After a cut it resumes behind the last event it
 * saw. Throws ApiError when the API refuses, and NoAnswerError when the first connection fails.
 */
export async function* followOperation(
  api: Api,
  id: string,
  { signal = new AbortController().signal, onCut = () => {}, silenceMs = 45_000 }: FollowOptions = {},
): AsyncGenerator<Operation, void> {
  const seen: { id?: string; connected: boolean; pauseMs: number } = { connected: false, pauseMs: firstPauseMs }
  for (;;) {
    try {
      const stream = await open(api, id, seen.id, signal)
      seen.connected = true
      for await (const event of events(stream, silenceMs)) {
        seen.pauseMs = firstPauseMs
        if (event.event !== 'operation' && event.event !== 'end') continue
        if (event.id !== undefined) seen.id = event.id
        const isEnd = event.event === 'end'
        const operation = isEnd ? await get(api, id, signal) : (JSON.parse(event.data) as Operation)
        yield operation
        if (isEnd || atRest(operation)) return
      }
    } catch (cause) {
      signal.throwIfAborted()
      if (!seen.connected || isFinal(cause)) throw cause
    }
    if (seen.pauseMs === firstPauseMs) onCut()
    await sleep(seen.pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    seen.pauseMs = Math.min(seen.pauseMs * 2, longestPauseMs)
  }
}

/**
 * Follows an operation until it is at rest, and gives its last state, whichever it is. Throws OperationTimeoutError after
 * `timeoutMs`, and what `followOperation` throws.
 */
export async function waitForOperation(api: Api, id: string, options: WaitOptions = {}): Promise<Operation> {
  const { timeoutMs, onUpdate = () => {}, signal, ...others } = options
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
  const signals = [signal, deadline].filter((one) => one !== undefined)
  let last: Operation | undefined
  try {
    for await (last of followOperation(api, id, { ...others, signal: AbortSignal.any(signals) })) onUpdate(last)
  } catch (cause) {
    if (timeoutMs !== undefined && deadline?.aborted && cause === deadline.reason)
      throw new OperationTimeoutError(id, timeoutMs)
    throw cause
  }
  if (last === undefined) throw new NoAnswerError('not-freehold', `the stream of operation ${id} has no operation`, {})
  return last
}

function get(api: Api, id: string, signal: AbortSignal): Promise<Operation> {
  return bodyOf(api.GET('/v1/operations/{id}', { params: { path: { id } }, signal }))
}

async function open(api: Api, id: string, lastEventId: string | undefined, signal: AbortSignal) {
  const headers = {
    accept: 'text/event-stream',
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  }
  const params = { path: { id } }
  const { data } = await api.GET('/v1/operations/{id}/stream', { params, headers, signal, parseAs: 'stream' })
  return data ?? new ReadableStream<Uint8Array<ArrayBuffer>>()
}

function events(stream: ReadableStream<Uint8Array<ArrayBuffer>>, silenceMs: number) {
  return stream
    .pipeThrough(untilSilent(silenceMs))
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ maxBufferSize: longestEvent }))
}

/** Hands bytes on, and fails when none came for so long: a network that died says nothing. */
function untilSilent(ms: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let timer: NodeJS.Timeout | undefined
  const listen = (controller: TransformStreamDefaultController) => {
    clearTimeout(timer)
    timer = setTimeout(() => controller.error(new TypeError(`nothing came for ${ms / 1000} s`)), ms).unref()
  }
  return new TransformStream({
    start: listen,
    transform(chunk, controller) {
      listen(controller)
      controller.enqueue(chunk)
    },
    flush: () => clearTimeout(timer),
  })
}

/** A refusal, or what is not the API, is not cured by another connection. */
function isFinal(cause: unknown): boolean {
  return cause instanceof SyntaxError || (cause instanceof ApiError && cause.status < 500)
}
