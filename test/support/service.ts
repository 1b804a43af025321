import { once } from 'node:events'
import { spawnService } from '../../bench/service-process.ts'

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
  const said = { LOG_LEVEL: 'trace', LOG_FORMAT: 'json' }
  const { child, url, ready } = await spawnService(service, { ...environment, ...said }, ['ignore', 'pipe', 'pipe'])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const closed = once(child, 'close')
  await ready().catch((cause: unknown) => {
    throw new Error(`the ${service} ended: ${output}`, { cause })
  })
  return {
    url,
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      await closed
    },
  }
}
