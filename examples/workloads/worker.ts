import { fileURLToPath } from 'node:url'
import { NativeConnection, Worker } from '@temporalio/worker'
import { activities, type Activities } from './activities.ts'
import { tenantCheck, type Waits } from './tenant-check.ts'
import type { TenantContexts } from './tenant-contexts.ts'

export type WorkloadsOptions = {
  /** `host:port` of the Temporal server. */
  address: string
  contexts: TenantContexts
  /** Default `workloads` and `work`, as in the tenant context's `topology.runtime`. */
  namespace?: string
  taskQueue?: string
  /** Tasks at a time, of all tenants together. Default 40; more than one tenant may have, or it takes all. */
  concurrency?: number
  /** Default half a second, growing to ten: so long a task may still wait after its tenant became active again. */
  waits?: Waits
  /** Default: those of this example. */
  activities?: Activities
  workflows?: { workflowsPath: string } | { workflowBundle: { code: string } }
}

/** Starts a worker that runs the tasks of all tenants from their shared queue. Throws when the server does not answer. */
export async function startWorkloads(
  options: WorkloadsOptions,
): Promise<{ ended: Promise<void>; stop(): Promise<void> }> {
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

async function createWorker(connection: NativeConnection, options: WorkloadsOptions): Promise<Worker> {
  return Worker.create({
    connection,
    namespace: options.namespace ?? 'workloads',
    taskQueue: options.taskQueue ?? 'work',
    ...(options.workflows ?? { workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)) }),
    activities: options.activities ?? activities,
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
