import type { TenantContexts } from '@freehold/sdk'
import { NativeConnection, Worker } from '@temporalio/worker'
import { tenantCheck, type Waits } from './tenant-check.ts'

export { tenantCheck, type Waits } from './tenant-check.ts'
export { tenantAttributes, tenantWaits, workFailed, type Tenant } from './tenant.ts'

export type TenantWorkerOptions = {
  /** `host:port` of the Temporal server. */
  readonly address: string
  readonly contexts: TenantContexts
  /** The work itself; the first argument of each is the `Tenant` it works for. */
  readonly activities: object
  readonly workflows: { workflowsPath: string } | { workflowBundle: { code: string } }
  /** Default `workloads` and `work`, as in the tenant context's `topology.runtime`. */
  readonly namespace?: string
  readonly taskQueue?: string
  /** Tasks at a time, of all tenants together. Default 40; more than one tenant may have, or it takes all. */
  readonly concurrency?: number
  /** Default half a second, growing to ten: so long a task may still wait after its tenant became active again. */
  readonly waits?: Waits
}

export type TenantWorker = {
  /** Ends when the worker does. Throws what made it fail. */
  readonly ended: Promise<void>
  /** Lets running tasks end, and stops. */
  stop(): Promise<void>
}

/** Starts a worker that runs the tasks of all tenants from their shared queue. Throws when the server does not answer. */
export async function startTenantWorker(options: TenantWorkerOptions): Promise<TenantWorker> {
  const connection = await NativeConnection.connect({ address: options.address })
  const worker = await createWorker(connection, options).catch(async (error: unknown) => {
    await connection.close()
    throw error
  })
  const ended = run()
  return {
    ended,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await ended
    },
  }

  async function run(): Promise<void> {
    try {
      await worker.run()
    } finally {
      await connection.close()
    }
  }
}

async function createWorker(connection: NativeConnection, options: TenantWorkerOptions): Promise<Worker> {
  return Worker.create({
    connection,
    namespace: options.namespace ?? 'workloads',
    taskQueue: options.taskQueue ?? 'work',
    ...options.workflows,
    activities: options.activities,
    interceptors: { activity: [tenantCheck(options.contexts, options.waits ?? { firstMs: 500, lastMs: 10_000 })] },
    maxConcurrentActivityTaskExecutions: options.concurrency ?? 40,
    // Fairness is the order of the queue on the server. So nothing may pass that queue, as eager activities do, and few
    // tasks may be taken from it ahead of time. Raise these, and measure, where throughput matters more than turns.
    maxEagerActivityReservationsPerWorkflowTask: 0,
    maxConcurrentWorkflowTaskExecutions: 2,
    maxConcurrentWorkflowTaskPolls: 2,
    maxConcurrentActivityTaskPolls: 2,
    shutdownGraceTime: '5s',
  })
}
