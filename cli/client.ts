import { randomUUID } from 'node:crypto'
import type { Page, Problem } from './api-types.ts'
import { CliError, exitCodes } from './failures.ts'
import { nextStep } from './next-steps.ts'

const requestTimeoutMs = 30_000
const largestPage = 200

type Query = Record<string, string | number | readonly string[] | undefined>
type Body = { type: string; text: string }

/** The API's refusal (RFC 9457). `status` is the HTTP status. */
export class ApiError extends CliError {
  readonly status: number

  constructor(status: number, problem: Partial<Problem>) {
    const code = problem.code ?? `http_${status}`
    const next = nextStep(code)
    super(status >= 500 ? exitCodes.unreachable : exitCodes.refused, problem.detail ?? `the API answered ${status}`, {
      code,
      ...(problem.errors === undefined ? {} : { details: problem.errors }),
      ...(status >= 500 && problem.instance ? { notes: [`request: ${problem.instance}`] } : {}),
      ...(next === undefined ? {} : { next }),
    })
    this.name = 'ApiError'
    this.status = status
  }
}

export type Client = ReturnType<typeof createClient>

/** A client of the API at `base`; every method throws ApiError for a refusal and CliError when it is not reachable. */
export function createClient(base: string, key: string) {
  async function send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${key}`)
    const response = await fetch(`${base}${path}`, { ...init, headers }).catch((cause: unknown) => {
      throw unreachable(base, cause)
    })
    if (!response.ok) throw new ApiError(response.status, await problemOf(response))
    return response
  }

  async function json<T>(path: string, init: RequestInit): Promise<T> {
    const response = await send(path, { ...init, signal: AbortSignal.timeout(requestTimeoutMs) })
    // The one unchecked step from the wire into types; see api-types.ts.
    return (await response.json().catch((cause: unknown) => {
      throw unreachable(base, cause)
    })) as T
  }

  function get<T>(path: string, query: Query = {}): Promise<T> {
    return json<T>(withQuery(path, query), {})
  }

  return {
    get,
    /** A change, under an idempotency key of its own. */
    change: <T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: Body) =>
      json<T>(path, {
        method,
        headers: { 'idempotency-key': randomUUID(), ...(body === undefined ? {} : { 'content-type': body.type }) },
        ...(body === undefined ? {} : { body: body.text }),
      }),
    /** Up to `limit` items over as many pages as that takes, and whether there are more. */
    async list<T>(path: string, query: Query, limit: number): Promise<{ items: T[]; more: boolean }> {
      const items: T[] = []
      let position: Query = {}
      for (;;) {
        const page = await get<Page<T>>(path, {
          ...query,
          ...position,
          limit: Math.min(limit - items.length, largestPage),
        })
        items.push(...page.items)
        const { nextCursor, nextAfter } = page
        const more = page.items.length > 0 && (nextCursor ?? nextAfter ?? null) !== null
        if (!more || items.length >= limit) return { items, more }
        position = typeof nextCursor === 'string' ? { cursor: nextCursor } : { after: nextAfter ?? undefined }
      }
    },
    /** Opens a stream of server-sent events after `lastEventId`; ends with `signal`. */
    stream: (path: string, lastEventId: string | undefined, signal: AbortSignal) =>
      send(path, {
        headers: { accept: 'text/event-stream', ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
        signal,
      }),
  }
}

/** Path below `/v1` from its parts, each escaped. Throws a usage error for a part that would change the path. */
export function path(...parts: string[]): string {
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new CliError(exitCodes.usage, 'a name is needed here, not an empty text or dots')
  return `/v1/${parts.map(encodeURIComponent).join('/')}`
}

function withQuery(to: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, String(one)]),
  )
  return pairs.length === 0 ? to : `${to}?${new URLSearchParams(pairs).toString()}`
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  const value: unknown = await response.json().catch(() => undefined)
  return typeof value === 'object' && value !== null ? value : {}
}

function unreachable(base: string, cause: unknown): CliError {
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new CliError(exitCodes.timeout, `${base} did not answer in ${requestTimeoutMs / 1000} s`)
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const why = inner instanceof Error ? inner.message || inner.name : String(inner)
  return new CliError(exitCodes.unreachable, `the API at ${base} is not reachable: ${why}`, {
    next: 'start the platform (`npm start`), or point FREEHOLD_URL to where it runs',
  })
}
