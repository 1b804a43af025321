import type { TenantContexts } from '../contexts.ts'
import { ApiError, NoAnswerError } from '../errors.ts'
import type { TenantContext } from '../types.ts'
import { TenantDatabaseError } from './tenant-database-error.ts'

/** What is known of where one environment of a tenant lives. */
export type ContextWatch = ReturnType<typeof watchContext>

/** There is no context yet that is newer than the stale one. */
export class NoNewerContext extends Error {}

/**
 * Keeps the context of one environment, reads it again behind the back of whoever uses it, and never gives one whose epoch is
 * known to be stale. When the API is away the last one is given on: whether it still holds is decided at the gate of the
 * database, not here.
 */
export function watchContext(
  contexts: TenantContexts,
  { tenant, environment, freshMs }: { tenant: string; environment: string; freshMs: number },
) {
  let known: TenantContext | undefined
  let readAt = 0
  let oldest = 0
  const wakers = new Set<() => void>()

  async function read(again: boolean): Promise<void> {
    readAt = performance.now()
    try {
      const context = await contexts.read(tenant, environment, { again })
      const before = known?.epoch ?? 0
      if (context.epoch >= before) known = context
      if (context.epoch > before) for (const wake of wakers) wake()
    } catch (error) {
      if (!mayPass(error)) known = undefined
      throw error
    }
  }

  return {
    /**
     * The context. Throws TenantDatabaseError for a tenant that is not active, NoNewerContext while the only one there is
     * is stale, and what the API refuses with.
     * @param again after a refusal: the API is asked first
     */
    async current(again: boolean): Promise<TenantContext> {
      const isOld = known !== undefined && known.epoch < oldest
      if (known === undefined || again || isOld || known.state !== 'active') {
        await read(again || isOld).catch((error: unknown) => {
          if (known === undefined || known.epoch < oldest) throw error
        })
      } else if (performance.now() - readAt > freshMs) void read(false).catch(() => {})
      if (known === undefined) throw new NoNewerContext()
      if (known.state !== 'active') throw notActive(known)
      if (known.epoch < oldest) throw new NoNewerContext(`the context is still at epoch ${known.epoch}, which is over`)
      return known
    },
    /** Calls `wake` when a newer context has come, so that all who wait go on with the first who has found it. Gives what ends that. */
    onNewer(wake: () => void): () => void {
      wakers.add(wake)
      return () => wakers.delete(wake)
    },
    /** Takes note that an epoch is over. */
    isOver(epoch: number): void {
      oldest = Math.max(oldest, epoch + 1)
    },
  }
}

/** Whether what the API failed with may pass by itself. */
export function mayPass(error: unknown): boolean {
  if (error instanceof ApiError) return error.retry || error.status >= 500 || error.status === 429
  return error instanceof NoNewerContext || (error instanceof NoAnswerError && error.reason !== 'not-freehold')
}

function notActive({ slug, environment, state }: TenantContext): TenantDatabaseError {
  return new TenantDatabaseError(
    'transition_not_allowed',
    `tenant ${slug} is ${state}: its database (${environment}) takes no work`,
    { facts: { state } },
  )
}
