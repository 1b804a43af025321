import { setTimeout as sleep } from 'node:timers/promises'
import { NativeConnection, Worker, type ActivityInterceptorsFactory } from '@temporalio/worker'
import { createActivities } from '../activities/index.ts'
import type { Closing } from '../base/closing.ts'
import { within } from '../base/deadline.ts'
import { errorText, FreeholdError } from '../domain/errors.ts'
import type { WorkerDeps } from './compose.ts'
import { answersKeptSeconds, createHousekeeping } from './housekeeping.ts'
import { activityInterceptor } from './interceptor.ts'
import { startServiceBusRelay } from './relay.ts'
import { sweepOnce } from './sweep.ts'
import { workflowBundle } from './workflow-bundle.ts'

/** How long running steps may go on after the worker was told to stop; then they are cancelled. */
const graceMs = 10_000
/** After which time, counted from the same moment, a step that does not heed it is left behind. */
const forceMs = 13_000
/** How long sweep and relay may take to end what they are at. */
const restMs = 3_000

export type RunningWorker = {
  /** Ends when the worker ended; rejects when it died, or when a step had to be left behind. */
  ended: Promise<void>
  /** Lets running activities finish, then stops; within 17 s, whatever hangs. */
  stop(): Promise<void>
}

/**
 * Starts the Temporal worker of the control plane, and beside it the sweep and the relay of events.
 * @param interceptors around activities, inside of our own; how tests inject faults from outside
 */
export async function startWorker(
  deps: WorkerDeps,
  interceptors: ActivityInterceptorsFactory[] = [],
): Promise<RunningWorker> {
  const { config, log, metrics, orm, starter } = deps
  const { TEMPORAL_NAMESPACE: namespace, FREEHOLD_TASK_QUEUE: taskQueue } = config
  const connection = await NativeConnection.connect({ address: config.TEMPORAL_ADDRESS })
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: await workflowBundle(new URL('../workflows/index.ts', import.meta.url)),
    activities: createActivities(deps),
    interceptors: { activity: [activityInterceptor(log, metrics), ...interceptors] },
    maxConcurrentActivityTaskExecutions: config.FREEHOLD_WORKER_CONCURRENCY,
    shutdownGraceTime: graceMs,
    shutdownForceTime: forceMs,
    stickyQueueScheduleToStartTimeout: '2s',
  })
  const stopping = new AbortController()
  let isToldToStop = false
  const sweeping = sweepUntil(stopping.signal)
  const relay = startServiceBusRelay(deps, { log, metrics })
  const ended = run()
  log.info({ task_queue: taskQueue, namespace }, 'worker is running')
  return {
    ended,
    async stop() {
      isToldToStop = true
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await ended
    },
  }

  async function run(): Promise<void> {
    try {
      await worker.run()
    } catch (cause) {
      // The SDK throws one thing or another, by what is still in use.
      if (!isToldToStop) throw cause
      const message = `a step did not end within ${forceMs / 1_000} s and was left behind; another worker takes it up`
      throw new FreeholdError('substrate_unavailable', message, { cause })
    } finally {
      stopping.abort()
      await within(restMs, Promise.all([sweeping, relay.stop()])).catch(late)
      await within(restMs, connection.close()).catch(late)
    }
  }

  function late(error: unknown): void {
    log.warn({ reason: errorText(error) }, 'worker: something is left behind')
  }

  async function sweepUntil(signal: AbortSignal): Promise<void> {
    const keepHouse = createHousekeeping({ orm, log, metrics }, { keptSeconds: answersKeptSeconds })
    while (!signal.aborted) {
      await sweepOnce({ orm, starter, log, metrics }).catch((error: unknown) =>
        log.warn({ reason: errorText(error) }, 'sweep failed; will try again'),
      )
      await keepHouse()
      await sleep(config.FREEHOLD_SWEEP_INTERVAL_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/**
 * Starts the worker for as long as the process runs.
 * @returns `died` rejects when the worker died, or ended without having been told to
 */
export async function runWorker(deps: WorkerDeps, closing: Closing): Promise<{ died: Promise<never> }> {
  const worker = await startWorker(deps)
  closing.add('the worker', () => worker.stop(), forceMs + 3 * restMs)
  const died = worker.ended.then(() => {
    throw new FreeholdError('internal', 'the worker ended by itself')
  })
  // Who stops the worker does not wait for this.
  died.catch(() => undefined)
  return { died }
}
