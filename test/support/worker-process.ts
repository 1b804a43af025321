import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { inject } from 'vitest'
import { compileCache } from '../../local/compile-cache.ts'
import type { World } from './world.ts'

export type WorkerProcess = ChildProcessByStdio<null, Readable, null>

/**
 * A worker of a world in a process of its own, which can be killed. It prints a line for each tenant in whose work it has stopped.
 * What every such process would make anew, it is given.
 * @param stopAt by the id of a tenant: the boundary at which it stops, see doomed-worker.ts
 */
export function startWorkerProcess(world: World, stopAt: Readonly<Record<string, string>> = {}): WorkerProcess {
  return spawn(process.execPath, [new URL('doomed-worker.ts', import.meta.url).pathname], {
    env: {
      PATH: process.env['PATH'],
      ...compileCache,
      ...world.environment,
      DOOMED_AT: JSON.stringify(stopAt),
      DOOMED_BUNDLE: inject('workflowBundle'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Ends it by SIGKILL, and gives how it ended. */
export async function killed(worker: WorkerProcess): Promise<unknown[]> {
  const died = once(worker, 'exit')
  worker.kill('SIGKILL')
  return died
}
