import { setTimeout as sleep } from 'node:timers/promises'
import { NativeConnection, Worker, type ActivityInterceptorsFactory } from '@temporalio/worker'
import { createActivities } from '../activities/index.ts'
import type { ActivityDeps } from '../activities/deps.ts'
import { errorText } from '../domain/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'
import type { OperationStarter, TemporalConnectionOptions } from '../base/temporal.ts'
import { answersKeptSeconds, createHousekeeping } from './housekeeping.ts'
import { activityInterceptor } from './interceptor.ts'
import { startServiceBusRelay, type RelaySources } from './relay.ts'
import { sweepOnce } from './sweep.ts'
import { workflowBundle } from './workflow-bundle.ts'

export type WorkerOptions = TemporalConnectionOptions & {
  namespace: string
  taskQueue: string
  concurrency: number
  sweepIntervalMs: number
  starter: OperationStarter
  log: Logger
  metrics: WorkerMetrics
  /** Around activities, inside of our own interceptor; how tests inject faults from outside. */
  interceptors?: ActivityInterceptorsFactory[]
}

export type RunningWorker = {
  /** Ends when the worker ended; rejects when it died. */
  ended: Promise<void>
  /** Lets running activities finish, then stops. */
  stop(): Promise<void>
}

/** Starts the Temporal worker of the control plane, and beside it the sweep and the relay of events. */
export async function startWorker(deps: ActivityDeps & RelaySources, options: WorkerOptions): Promise<RunningWorker> {
  const { log, metrics, starter, address, tls, apiKey } = options
  const connection = await NativeConnection.connect({
    address,
    ...(tls === undefined ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
  })
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    workflowBundle: await workflowBundle(new URL('../workflows/index.ts', import.meta.url)),
    activities: createActivities(deps),
    interceptors: { activity: [activityInterceptor(log, metrics), ...(options.interceptors ?? [])] },
    maxConcurrentActivityTaskExecutions: options.concurrency,
    shutdownGraceTime: '10s',
    stickyQueueScheduleToStartTimeout: '2s',
  })
  const stopping = new AbortController()
  const sweeping = sweepUntil(stopping.signal, deps, options)
  const relay = startServiceBusRelay(deps, { log, metrics })
  const ended = run()
  log.info({ task_queue: options.taskQueue, namespace: options.namespace }, 'worker is running')
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
      stopping.abort()
      await Promise.all([sweeping, relay.stop()])
      await connection.close()
    }
  }

  async function sweepUntil(
    signal: AbortSignal,
    { orm }: ActivityDeps,
    { sweepIntervalMs }: WorkerOptions,
  ): Promise<void> {
    const keepHouse = createHousekeeping({ orm, log, metrics }, { keptSeconds: answersKeptSeconds })
    while (!signal.aborted) {
      await sweepOnce({ orm, starter, log, metrics }).catch((error: unknown) =>
        log.warn({ reason: errorText(error) }, 'sweep failed; will try again'),
      )
      await keepHouse()
      await sleep(sweepIntervalMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
