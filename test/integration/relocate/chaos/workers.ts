import { setTimeout as sleep } from 'node:timers/promises'
import { killed, startWorkerProcess, type WorkerProcess } from '../../../support/worker-process.ts'
import type { World } from '../../../support/world.ts'

export type Workers = ReturnType<typeof startWorkers>

/** Workers in processes of their own, of which one works at a time, unless another was stopped and wakes up. */
export function startWorkers(world: World) {
  let current: WorkerProcess = startWorkerProcess(world)
  const stopped = new Set<WorkerProcess>()

  async function wake(worker: WorkerProcess): Promise<void> {
    worker.kill('SIGCONT')
    // Long enough for what it was in the middle of; then it goes, so that the next run has one worker again.
    await sleep(1_500)
    if (stopped.delete(worker)) await killed(worker)
  }

  return {
    /** Ends the one that works, at once, and starts another. */
    async kill(): Promise<void> {
      const doomed = current
      current = startWorkerProcess(world)
      await killed(doomed)
    },
    /** Stops the one that works, starts another, and wakes the first when `until` is over. */
    stall(until: Promise<unknown>): Promise<void> {
      const stalled = current
      stalled.kill('SIGSTOP')
      stopped.add(stalled)
      current = startWorkerProcess(world)
      return until.then(() => wake(stalled))
    },
    async stop(): Promise<void> {
      await Promise.all([current, ...stopped].map(killed))
      stopped.clear()
    },
  }
}
