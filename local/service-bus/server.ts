import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunningNamespace } from '../../packages/service-bus-broker/broker.ts'
import { compileCache } from '../compile-cache.ts'
import { LocalStackError, messageOf } from '../errors.ts'
import { startServerProcess, type ServerProcess } from '../server-process.ts'

/** The development broker in a process of its own. `pid` is that of the process that runs at the moment. */
export type LocalServiceBus = {
  namespace: RunningNamespace
  /** File with the certificate that the management side is to be trusted by. */
  caFile: string
  pid: () => number
  stop: () => Promise<void>
}

const program = fileURLToPath(new URL('../../packages/service-bus-broker/main.ts', import.meta.url))
const startTimeoutMs = 30_000
const firstPauseMs = 500
const longestPauseMs = 30_000

/**
 * Starts the broker on two loopback ports, with its state in `<stateDir>/service-bus` and its log in
 * `<stateDir>/logs/service-bus.log`, and keeps it running: tenants send to it, so what they send may end it and must not
 * end anything else. It comes back with what it had accepted, and its clients connect anew by themselves. Throws
 * LocalStackError with its last words when it does not come up at first.
 */
export async function startServiceBus(options: {
  stateDir: string
  amqpPort: number
  adminPort: number
  log: (message: string) => void
}): Promise<LocalServiceBus> {
  const dataDir = join(resolve(options.stateDir), 'service-bus')
  const stopping = new AbortController()
  const start = () => startOnce(options, dataDir)
  let server = await start()
  const [namespace] = JSON.parse(readFileSync(join(dataDir, 'connections.json'), 'utf8')) as RunningNamespace[]
  if (namespace === undefined) throw new LocalStackError('The development broker serves no namespace.')
  // For services of the platform that are tried out beside it; the key opens every topic.
  writeFileSync(join(dataDir, 'connection-string'), namespace.connectionString, { mode: 0o600 })
  const watching = keepRunning()
  return {
    namespace,
    caFile: join(dataDir, 'ca.pem'),
    pid: () => server.pid,
    async stop() {
      stopping.abort()
      await server.stop()
      await watching
    },
  }

  async function keepRunning(): Promise<void> {
    let pauseMs = firstPauseMs
    for (;;) {
      const began = performance.now()
      const how = await server.exited
      if (stopping.signal.aborted) return
      options.log(`the development broker ended (${how}) and is started again; its log ends: ${server.logTail()}`)
      pauseMs = performance.now() - began > longestPauseMs ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs)
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      try {
        server = await start()
      } catch (error) {
        options.log(messageOf(error))
      }
      // Told to stop while it came up.
      if (stopping.signal.aborted) await server.stop()
    }
  }
}

async function startOnce(
  { stateDir, amqpPort, adminPort }: { stateDir: string; amqpPort: number; adminPort: number },
  dataDir: string,
): Promise<ServerProcess> {
  const server = await startServerProcess({
    name: 'service-bus',
    command: process.execPath,
    args: [program],
    stateDir,
    environment: {
      ...compileCache,
      SERVICE_BUS_NAMESPACES: `local:${amqpPort}:${adminPort}`,
      SERVICE_BUS_DATA_DIR: dataDir,
    },
    stopSignals: ['SIGTERM'],
    graceMs: 5_000,
  })
  let ended: string | undefined
  void server.exited.then((how) => (ended = how))
  const deadline = Date.now() + startTimeoutMs
  while (ended === undefined && Date.now() < deadline) {
    if (server.logTail().includes('"ready":true')) return server
    await sleep(20)
  }
  await server.stop()
  const what = ended ?? `no answer within ${startTimeoutMs / 1_000} s`
  throw new LocalStackError(`The development broker did not start (${what}). Its log ends: ${server.logTail()}`)
}
