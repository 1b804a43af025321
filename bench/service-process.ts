import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Closing } from '../base/closing.ts'
import { compileCache } from '../local/compile-cache.ts'
import { freePorts } from '../local/ports.ts'

/**
 * Starts API or worker as a process of its own, as production does.
 * @param environment the variables it runs with; it gets a port of its own
 * @returns where it listens, and `ready`, which waits until it is and throws when it ends before
 */
export async function spawnService(
  service: 'api' | 'worker',
  environment: Readonly<Record<string, string | undefined>>,
  stdio: StdioOptions,
): Promise<{ child: ChildProcess; url: string; ready: () => Promise<void> }> {
  const [port] = await freePorts(1)
  const { PATH, HOME } = process.env
  const listens = { [service === 'api' ? 'FREEHOLD_PORT' : 'FREEHOLD_METRICS_PORT']: String(port) }
  const child = spawn(process.execPath, [`${service}/main.ts`], {
    cwd: join(import.meta.dirname, '..'),
    env: { PATH, HOME, ...environment, ...listens },
    stdio,
  })
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  async function ready(): Promise<void> {
    while (!(await isReady())) {
      if (child.exitCode !== null) throw new Error(`the ${service} ended before it was ready`)
      await sleep(50)
    }
  }
  return { child, url, ready }
}

/** Starts API or worker for a benchmark, and gives where it listens and its process id once it is ready. */
export async function startServiceProcess(
  service: 'api' | 'worker',
  environment: Readonly<Record<string, string>>,
  closing: Closing,
): Promise<{ url: string; pid: number }> {
  const variables = { ...compileCache, ...environment }
  const { child, url, ready } = await spawnService(service, variables, ['ignore', 'ignore', 'inherit'])
  const ended = once(child, 'exit')
  closing.add(
    `the ${service}`,
    () => {
      child.kill('SIGTERM')
      return ended
    },
    30_000,
  )
  await ready()
  return { url, pid: child.pid ?? 0 }
}
