import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import type { Answers } from './api-types.ts'
import { notAnswered, requestTimeoutMs } from './not-answered.ts'
import { withQuery, type Query } from './paths.ts'
import { resending } from './resend.ts'

const largestPage = 200

type Body = { type: string; text: string }
type Page =
  | Answers['GET /v1/tenants']['200']
  | Answers['GET /v1/operations']['200']
  | Answers['GET /v1/tenants/{idOrSlug}/events']['200']

export type Client = ReturnType<typeof createClient>

/**
 * A client of the API at `base`; every method throws ApiError for a refusal and CliError when it is not reachable. What
 * was cut off is sent once more, a change under the same idempotency key; `notice` is told when the API wants a pause.
 */
export function createClient(base: string, key: string, notice: (text: string) => void) {
  async function send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${key}`)
    const response = await fetch(`${base}${path}`, { ...init, headers })
    if (!response.ok) throw await ApiError.of(response, path)
    return response
  }

  async function json<T>(path: string, init: RequestInit): Promise<T> {
    // A change that was cut off may have been carried out; nothing is unclear about a question.
    const unclear = (init.method ?? 'GET') !== 'GET'
    const attempt = async () => {
      const response = await send(path, { ...init, signal: AbortSignal.timeout(requestTimeoutMs) })
      // The one unchecked step from the wire into types.
      return (await response.json()) as T
    }
    return resending(attempt, { notice }).catch((cause: unknown) => {
      throw notAnswered(base, cause, { unclear })
    })
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
    async list<P extends Page>(
      path: string,
      query: Query,
      limit: number,
    ): Promise<{ items: P['items'][number][]; more: boolean }> {
      const items: P['items'][number][] = []
      let position: Query = {}
      for (;;) {
        const page: Page = await get<P>(path, {
          ...query,
          ...position,
          limit: Math.min(limit - items.length, largestPage),
        })
        items.push(...page.items)
        const next = page.items.length === 0 ? null : behind(page)
        if (next === null || items.length >= limit) return { items, more: next !== null }
        position = next
      }
    },
    /** Opens a stream of server-sent events after `lastEventId`; ends with `signal`. */
    stream: (path: string, lastEventId: string | undefined, signal: AbortSignal) => {
      const headers = { accept: 'text/event-stream', ...(lastEventId ? { 'last-event-id': lastEventId } : {}) }
      return resending(() => send(path, { headers, signal }), { notice, signal }).catch((cause: unknown) => {
        throw notAnswered(base, cause, { unclear: false })
      })
    },
  }
}

function behind(page: Page): Query | null {
  if ('nextCursor' in page) return page.nextCursor === null ? null : { cursor: page.nextCursor }
  return page.nextAfter === null ? null : { after: page.nextAfter }
}
