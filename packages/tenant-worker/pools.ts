import { setTimeout as sleep } from 'node:timers/promises'
import { startTenantWorker, type TenantWorker, type TenantWorkerOptions } from './worker.ts'

export type TenantPoolsOptions = Omit<TenantWorkerOptions, 'taskQueue'> & {
  /** The queues that are to have a worker now: those of tenants with one of their own. */
  readonly queues: () => Promise<readonly string[]>
  /** How long between two looks; default 2 s. */
  readonly lookMs?: number
  /** Told of a look or a worker that failed; the next look tries again. */
  readonly onError?: (error: unknown) => void
}

/** Stops looking, lets running tasks end, and stops all workers. */
export type TenantPools = { stop(): Promise<void> }

/**
 * Keeps one worker for each task queue that a tenant has for itself: starts them as tenants come, stops them as tenants go,
 * and starts anew what has ended by itself. What could not be looked up keeps what runs.
 */
export function startTenantPools(options: TenantPoolsOptions): TenantPools {
  const { queues, lookMs = 2_000, onError = () => {}, ...each } = options
  const workers = new Map<string, TenantWorker>()
  const stopping = new AbortController()

  async function start(taskQueue: string): Promise<void> {
    const worker = await startTenantWorker({ ...each, taskQueue })
    workers.set(taskQueue, worker)
    worker.ended.catch(onError).finally(() => {
      if (workers.get(taskQueue) === worker) workers.delete(taskQueue)
    })
  }

  async function stop(taskQueue: string): Promise<void> {
    const worker = workers.get(taskQueue)
    workers.delete(taskQueue)
    await worker?.stop()
  }

  async function look(): Promise<void> {
    const wanted = new Set(await queues())
    const gone = [...workers.keys()].filter((queue) => !wanted.has(queue))
    const missing = [...wanted].filter((queue) => !workers.has(queue))
    const ends = await Promise.allSettled([...gone.map(stop), ...(stopping.signal.aborted ? [] : missing.map(start))])
    for (const end of ends) if (end.status === 'rejected') onError(end.reason)
  }

  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(onError)
      await sleep(lookMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()

  return {
    async stop() {
      stopping.abort()
      await looking
      await Promise.allSettled([...workers.keys()].map(stop))
    },
  }
}
