import { randomUUID } from 'node:crypto'
import { ApiError, NoAnswerError } from './errors.ts'
import { resending } from './resend.ts'
import { readKey, type ClientOptions } from './settings.ts'
import type { Problem } from './types.ts'

/** What is handed on as it comes. */
const streams = ['text/event-stream', 'application/x-ndjson']
/** Statuses whose answer has no body. */
const bodiless = new Set([204, 304])
/** Bytes, unpacked; a page of a list, or the reports on a tenant, have a small part of it. */
const longestAnswer = 64 * 1024 * 1024

/** Sends one request, as `fetch` does, and gives an answer that is no refusal. */
export type Send = (request: Request) => Promise<Response>

/**
 * How every request is sent: with the key, a change under an idempotency key, again where that is safe, and with its
 * answer read to the end, so that an answer that is cut off counts as none. A stream of events is handed on as it comes.
 * Throws ApiError for a refusal, NoAnswerError when there is no answer, ArgumentError for an unusable key, and the reason
 * of the caller's own signal.
 */
export function createTransport(base: string, options: ClientOptions): Send {
  const { timeoutMs = 30_000, resend = 'when-safe', onPause = () => {} } = options

  return async (request) => {
    const { method, url, signal } = request
    const isChange = method !== 'GET' && method !== 'HEAD'
    const headers = new Headers(request.headers)
    if (isChange && !headers.has('idempotency-key')) headers.set('idempotency-key', randomUUID())
    headers.set('authorization', `Bearer ${await readKey(options)}`)
    const body = request.body === null ? null : await request.text()
    const attempt = streams.includes(headers.get('accept') ?? '') ? open : ask
    try {
      return await (resend === 'never' ? attempt() : resending(attempt, { onPause, signal }))
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      throw noAnswer(cause)
    }

    async function open(): Promise<Response> {
      const response = await fetch(url, { method, headers, body, signal })
      if (!response.ok) throw refusal(response, await textOf(response, base))
      return response
    }

    async function ask(): Promise<Response> {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      const response = await fetch(url, { method, headers, body, signal: limit })
      const text = await textOf(response, base)
      if (bodiless.has(response.status)) return new Response(null, response)
      if (!response.ok) throw refusal(response, text)
      if (response.headers.get('content-type')?.includes('json')) return new Response(text, response)
      throw new NoAnswerError('not-freehold', `what answers at ${base} is not the Freehold API: it sends no JSON`, {})
    }

    function refusal({ status, headers: answer }: Response, text: string): ApiError {
      return new ApiError(problemIn(text), {
        status,
        path: new URL(url).pathname,
        retryAfter: answer.get('retry-after'),
      })
    }

    function noAnswer(cause: unknown): unknown {
      if (cause instanceof ApiError || cause instanceof NoAnswerError) return cause
      if (cause instanceof Error && cause.name === 'TimeoutError')
        return new NoAnswerError('timeout', `${base} did not answer in ${timeoutMs / 1000} s`, {
          mayHaveArrived: isChange,
          cause,
        })
      const { code, message } = innermost(cause)
      const neverArrived = code === 'ECONNREFUSED' || code === 'ENOTFOUND'
      return new NoAnswerError('unreachable', `the API at ${base} is not reachable: ${message}`, {
        mayHaveArrived: isChange && !neverArrived,
        cause,
      })
    }
  }
}

/** Its text, as far as it is no longer than an answer of ours can be: what is packed small may unpack to fill the memory. */
async function textOf({ body }: Response, base: string): Promise<string> {
  const decoder = new TextDecoder()
  const pieces: string[] = []
  let length = 0
  for await (const piece of body ?? []) {
    length += piece.length
    if (length > longestAnswer)
      throw new NoAnswerError('not-freehold', `what answers at ${base} is not the Freehold API: it does not end`, {})
    pieces.push(decoder.decode(piece, { stream: true }))
  }
  return pieces.join('') + decoder.decode()
}

function problemIn(text: string): Partial<Problem> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** `fetch` hides why it failed in the cause; several addresses that all refuse are one error without a text. */
function innermost(cause: unknown): { code: string | undefined; message: string } {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  if (!(inner instanceof Error)) return { code: undefined, message: String(inner) }
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined
  return { code, message: inner.message || code || inner.name }
}
