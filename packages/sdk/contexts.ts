import { LRUCache } from 'lru-cache'
import { answerOf, createApi } from './api.ts'
import { NoAnswerError } from './errors.ts'
import type { ClientOptions } from './settings.ts'
import type { TenantContext } from './types.ts'

export type TenantContexts = {
  /**
   * The context of one environment of a tenant, by the tenant's id or slug, at most `freshMs` old. Throws ApiError or
   * NoAnswerError when the API does not give it; an older one is never given instead. With `again` the API is asked now,
   * whatever is kept; who asks while it is being asked gets that answer.
   */
  read(tenant: string, environment: string, options?: { readonly again?: boolean }): Promise<TenantContext>
}

type Answer = { readonly etag: string | null; readonly context: TenantContext } | { readonly error: unknown }
type Given = Extract<Answer, { context: unknown }>

/**
 * Tenant contexts for services that ask at every request or task. Each answer is kept for `freshMs` (default a second), a
 * refusal too, so that thousands ask once; then the API only confirms that nothing changed (304). Everything is given up
 * after 2 s, and nothing is sent again: whoever asks must not be kept waiting. The key needs the role platform-auditor.
 */
export function createTenantContexts({
  freshMs = 1_000,
  ...options
}: ClientOptions & { readonly freshMs?: number }): TenantContexts {
  const api = createApi({ timeoutMs: 2_000, resend: 'never', ...options })
  const kept = new LRUCache<string, Answer, { idOrSlug: string; environment: string }>({
    max: 10_000,
    ttl: freshMs,
    // One call at a time for each key; whoever comes meanwhile waits for the same answer.
    fetchMethod: async (_, before, { context: { idOrSlug, environment } }) =>
      ask(idOrSlug, environment, before !== undefined && 'context' in before ? before : undefined).catch(
        (error: unknown) => ({ error }),
      ),
  })

  async function ask(idOrSlug: string, environment: string, before: Given | undefined): Promise<Answer> {
    const { data, response } = await answerOf(
      api.GET('/v1/tenants/{idOrSlug}/context', {
        params: { path: { idOrSlug }, query: { environment } },
        headers: before?.etag == null ? {} : { 'if-none-match': before.etag },
      }),
    )
    if (response.status === 304 && before !== undefined) return before
    return { etag: response.headers.get('etag'), context: understood(data) }
  }

  return {
    async read(idOrSlug, environment, { again = false } = {}) {
      const key = JSON.stringify([idOrSlug, environment])
      const answer = await kept.fetch(key, { context: { idOrSlug, environment }, forceRefresh: again })
      if (answer !== undefined && 'context' in answer) return answer.context
      throw answer?.error ?? new Error('the context was not read')
    },
  }
}

/** Throws NoAnswerError for a document that is no context of version 1: to guess what it allows would be to allow it. */
function understood(value: unknown): TenantContext {
  const context = value as TenantContext
  const isContext =
    context?.version === 1 &&
    typeof context.tenantId === 'string' &&
    typeof context.environment === 'string' &&
    typeof context.state === 'string' &&
    typeof context.quotas?.concurrentTasks === 'number' &&
    typeof context.topology?.runtime?.fairnessKey === 'string'
  if (isContext) return context
  throw new NoAnswerError('not-freehold', 'Freehold gives no context that this version understands', {})
}
