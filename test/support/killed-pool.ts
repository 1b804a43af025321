import { setTimeout as sleep } from 'node:timers/promises'
import { killed, startWorkerProcess, type WorkerProcess } from './worker-process.ts'
import type { World } from './world.ts'

/** Kills go on until `stop`, which gives how many there were. */
export type KilledPool = { stop(): Promise<number> }

/**
 * Two workers in processes of their own, of which one after the other is killed and replaced.
 * @param next gives a number from 0 to 1: when the next kill is, and whom it hits
 */
export function startKilledPool(world: World, next: () => number): KilledPool {
  const ended = new AbortController()
  const start = () => startWorkerProcess(world)
  const workers = [start(), start()]

  const killing = (async () => {
    let kills = 0
    for (;;) {
      await sleep(1_500 + 3_000 * next(), undefined, { signal: ended.signal }).catch(() => {})
      if (ended.signal.aborted) return kills
      const [doomed] = workers.splice(next() < 0.5 ? 0 : 1, 1)
      workers.push(start())
      await killed(doomed as WorkerProcess)
      kills += 1
    }
  })()

  return {
    async stop() {
      ended.abort()
      const kills = await killing
      await Promise.all(workers.map(killed))
      return kills
    },
  }
}
