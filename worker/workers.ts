import { NativeConnection, Worker, type ActivityInterceptorsFactory, type WorkerOptions } from '@temporalio/worker'
import { createActivities } from '../activities/index.ts'
import { busQueue } from '../domain/operation.ts'
import { callsPerSecond } from '../domain/placement.ts'
import { topicCalls } from '../isolation/mappers/topic/mapper.ts'
import { sqlOf } from '../registry/pool.ts'
import type { WorkerDeps } from './compose.ts'
import { activityInterceptor } from './interceptor.ts'
import { workflowBundle } from './workflow-bundle.ts'

/** Steps of one bus that a worker has under way at a time. */
const stepsOfOneBus = 10

/**
 * The workers of Temporal that this process runs: one for workflows and steps, and one for the steps on each bus, whose
 * queue the server hands out at the rate that the bus's management side bears, so that who waits for a bus holds no slot.
 */
export async function createWorkers(
  deps: WorkerDeps,
  connection: NativeConnection,
  { interceptors, graceMs, forceMs }: { interceptors: ActivityInterceptorsFactory[]; graceMs: number; forceMs: number },
): Promise<Worker[]> {
  const { config, log, metrics } = deps
  const taskQueue = config.FREEHOLD_TASK_QUEUE
  const common = {
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    activities: createActivities(deps),
    interceptors: { activity: [activityInterceptor(log, metrics), ...interceptors] },
    maxHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: graceMs,
    shutdownForceTime: forceMs,
  } satisfies Omit<WorkerOptions, 'taskQueue'>
  const main = Worker.create({
    ...common,
    taskQueue,
    workflowBundle: deps.workflows ?? (await workflowBundle(new URL('../workflows/index.ts', import.meta.url))),
    maxConcurrentActivityTaskExecutions: config.FREEHOLD_WORKER_CONCURRENCY,
    stickyQueueScheduleToStartTimeout: '2s',
  })
  const ofBuses = (await buses(deps)).map(({ name, rate }) =>
    Worker.create({
      ...common,
      taskQueue: busQueue(taskQueue, name),
      maxConcurrentActivityTaskExecutions: stepsOfOneBus,
      maxTaskQueueActivitiesPerSecond: rate / topicCalls,
    }),
  )
  return Promise.all([main, ...ofBuses])
}

/** Every bus of the registry, also one that is closed: tenants may still be on it; and how many calls a second it bears. */
async function buses({ orm }: WorkerDeps): Promise<{ name: string; rate: number }[]> {
  const rows = await sqlOf(orm.pool)<{ name: string; rate: number | null; tls: boolean }>({
    text: `select name, (declaration ->> 'managementCallsPerSecond')::float8 as rate, (endpoint ->> 'tls')::bool as tls
      from buses order by name`,
  })
  return rows.map(({ name, rate, tls }) => ({ name, rate: rate ?? callsPerSecond({ tls }) }))
}
