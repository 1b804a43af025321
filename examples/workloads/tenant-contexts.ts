import { LRUCache } from 'lru-cache'
import { z } from 'zod'

/** The part of a tenant context that running tasks needs. */
const contextSchema = z.object({
  tenantId: z.string(),
  environment: z.string(),
  state: z.string(),
  quotas: z.object({ concurrentTasks: z.number() }),
  topology: z.object({
    runtime: z.object({
      namespace: z.string(),
      taskQueue: z.string(),
      fairnessKey: z.string(),
      fairnessWeight: z.number(),
    }),
  }),
})
export type TenantContext = z.output<typeof contextSchema>

export type TenantContexts = {
  /**
   * The context of one environment of a tenant, by the tenant's id or slug, at most `freshMs` old. Throws when the API
   * does not give it, with a sentence that says why; an older one is never given instead.
   */
  read(tenant: string, environment: string): Promise<TenantContext>
}

type Answer = { etag: string | null; context: TenantContext } | { refused: string }

/**
 * Tenant contexts from the API of Freehold. Each answer is kept for a second, so that thousands of tasks ask once; then
 * the API only confirms that nothing changed (304). `key` needs the role platform-auditor.
 */
export function createTenantContexts(api: { url: string; key: string; freshMs?: number }): TenantContexts {
  const kept = new LRUCache<string, Answer>({
    max: 10_000,
    ttl: api.freshMs ?? 1_000,
    // One call at a time for each path; whoever comes meanwhile waits for the same answer.
    fetchMethod: (path, before) => ask(path, before !== undefined && 'etag' in before ? before : undefined),
  })

  async function ask(path: string, before: Extract<Answer, { etag: unknown }> | undefined): Promise<Answer> {
    const condition = before?.etag == null ? {} : { 'if-none-match': before.etag }
    try {
      const answer = await fetch(`${api.url}${path}`, {
        headers: { authorization: `Bearer ${api.key}`, ...condition },
        signal: AbortSignal.timeout(2_000),
      })
      if (answer.status === 304 && before !== undefined) return before
      if (!answer.ok) return { refused: await reasonOf(answer) }
      return { etag: answer.headers.get('etag'), context: contextSchema.parse(await answer.json()) }
    } catch (error) {
      const what = error instanceof z.ZodError ? 'gives no context this version understands' : 'does not answer'
      return { refused: `Freehold ${what} at ${api.url}` }
    }
  }

  return {
    async read(tenant, environment) {
      const query = new URLSearchParams({ environment }).toString()
      const answer = await kept.fetch(`/v1/tenants/${encodeURIComponent(tenant)}/context?${query}`)
      if (answer === undefined || 'refused' in answer) throw new Error(answer?.refused ?? 'the context was not read')
      return answer.context
    },
  }
}

/** The sentence of a problem document (RFC 9457), or the status. */
async function reasonOf(answer: Response): Promise<string> {
  const problem = z.object({ code: z.string(), detail: z.string() }).safeParse(await answer.json().catch(() => null))
  return problem.success ? `${problem.data.code}: ${problem.data.detail}` : `Freehold answers ${answer.status}`
}
