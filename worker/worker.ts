import { setTimeout as sleep } from 'node:timers/promises'
import { NativeConnection, type ActivityInterceptorsFactory } from '@temporalio/worker'
import type { Closing } from '../base/closing.ts'
import { within } from '../base/deadline.ts'
import { temporalConnectionOptions } from '../base/temporal-connection.ts'
import { errorText, FreeholdError } from '../domain/errors.ts'
import { createCheckpointing } from './checkpointing.ts'
import type { WorkerDeps } from './compose.ts'
import { answersKeptSeconds, createHousekeeping } from './housekeeping.ts'
import { startServiceBusRelay } from './relay.ts'
import { sweepOnce } from './sweep.ts'
import { createWorkers } from './workers.ts'

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
  const { config, log, metrics, orm, resolveSecret, signer, starter } = deps
  const connection = await NativeConnection.connect(await temporalConnectionOptions(config, resolveSecret))
  const workers = await createWorkers(deps, connection, { interceptors, graceMs, forceMs })
  const stopping = new AbortController()
  let isToldToStop = false
  const sweeping = sweepUntil(stopping.signal)
  const relay = startServiceBusRelay(deps, { log, metrics })
  const ended = run()
  log.info({ task_queues: workers.map(({ options }) => options.taskQueue) }, 'worker is running')
  return {
    ended,
    async stop() {
      isToldToStop = true
      stopWorkers()
      await ended
    },
  }

  async function run(): Promise<void> {
    try {
      // One that died must not leave the others behind, working.
      await Promise.all(workers.map((worker) => worker.run().finally(stopWorkers)))
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

  function stopWorkers(): void {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
  }

  function late(error: unknown): void {
    log.warn({ reason: errorText(error) }, 'worker: something is left behind')
  }

  async function sweepUntil(signal: AbortSignal): Promise<void> {
    const checkpoint = createCheckpointing({ orm, signer, log }, { intervalMs: config.FREEHOLD_CHECKPOINT_INTERVAL_MS })
    const keepHouse = createHousekeeping({ orm, log, metrics }, { keptSeconds: answersKeptSeconds })
    while (!signal.aborted) {
      await sweepOnce({ orm, starter, log, metrics }).catch((error: unknown) =>
        log.warn({ reason: errorText(error) }, 'sweep failed; will try again'),
      )
      await keepHouse()
      await checkpoint()
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
