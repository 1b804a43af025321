import type { Problem, ProblemDetail } from './types.ts'

/** The API refuses, or cannot serve: its problem document (RFC 9457). The message is its `detail`. */
export class ApiError extends Error {
  /** HTTP status. */
  readonly status: number
  /** What programs branch on, such as `slug_taken`; `http_502` when what answers sends no problem document. */
  readonly code: string
  /** What was wrong, in a sentence for people. */
  readonly detail: string
  /** The places of a bad input. */
  readonly errors: readonly ProblemDetail[]
  /** Whether the same call may succeed later unchanged. */
  readonly retry: boolean
  /** Facts for programs, such as the id of the operation that holds the tenant. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Id under which the log of the API has the request. */
  readonly instance: string | undefined
  /** Path of the request. */
  readonly path: string
  /** The pause that the API asks for before the same request. */
  readonly retryAfterMs: number | undefined

  constructor(problem: Partial<Problem>, answer: { status: number; path: string; retryAfter?: string | null }) {
    // What answers may be no API of ours at all.
    const said = (text: unknown) => (typeof text === 'string' ? text : undefined)
    super(said(problem.detail) ?? `the API answered ${answer.status}`)
    this.name = 'ApiError'
    this.status = answer.status
    this.detail = this.message
    this.code = said(problem.code) ?? `http_${answer.status}`
    this.errors = Array.isArray(problem.errors)
      ? problem.errors.filter((one) => typeof one?.message === 'string' && typeof (one.path ?? '') === 'string')
      : []
    this.retry = problem.retry ?? false
    this.facts = problem.facts ?? {}
    this.instance = said(problem.instance)
    this.path = answer.path
    this.retryAfterMs = pauseOf(answer.status, this.code, answer.retryAfter ?? null)
  }
}

/** There was no answer, or none that can be used. */
export class NoAnswerError extends Error {
  readonly reason: 'timeout' | 'unreachable' | 'not-freehold'
  /** It was a change, and it may have been carried out all the same. */
  readonly mayHaveArrived: boolean

  constructor(reason: NoAnswerError['reason'], message: string, more: { mayHaveArrived?: boolean; cause?: unknown }) {
    super(message, { cause: more.cause })
    this.name = 'NoAnswerError'
    this.reason = reason
    this.mayHaveArrived = more.mayHaveArrived ?? false
  }
}

/** The caller gave what can never be sent: an empty name, an address that is none, an unreadable key. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError'
}

/** The operation is not done in the time that it was waited for; it goes on. */
export class OperationTimeoutError extends Error {
  readonly operationId: string

  constructor(operationId: string, timeoutMs: number) {
    super(`operation ${operationId} is not done after ${timeoutMs / 1000} s; it goes on`)
    this.name = 'OperationTimeoutError'
    this.operationId = operationId
  }
}

function pauseOf(status: number, code: string, retryAfter: string | null): number | undefined {
  // Only after a cut: the first sending of the same call is still being answered.
  if (code === 'idempotency_in_progress') return 1_000
  if ((status !== 429 && status !== 503) || retryAfter === null) return undefined
  // A number of seconds or a date.
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
