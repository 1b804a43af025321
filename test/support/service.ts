import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../local/ports.ts'

export type Service = {
  url: string
  /** All it wrote so far, to standard output and standard error. */
  output(): string
  stop(): Promise<void>
}

/**
 * Starts API or worker as a process of its own, as production does, logging all it can; gives it once it is ready.
 * @param environment the variables it runs with
 */
export async function startService(
  service: 'api' | 'worker',
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Service> {
  const [port = 0] = await freePorts(1)
  const { PATH, HOME } = process.env
  const said = { LOG_LEVEL: 'trace', LOG_FORMAT: 'json' }
  const listens = { [service === 'api' ? 'FREEHOLD_PORT' : 'FREEHOLD_METRICS_PORT']: String(port) }
  const child = spawn(process.execPath, [`${service}/main.ts`], {
    env: { PATH, HOME, ...environment, ...said, ...listens },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const closed = once(child, 'close')
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`the ${service} ended: ${output}`)
    await sleep(50)
  }
  return {
    url,
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      await closed
    },
  }
}
