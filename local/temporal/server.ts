import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Connection } from '@temporalio/client'
import { LocalStackError } from '../errors.ts'
import { accepts } from '../ports.ts'
import { startServerProcess } from '../server-process.ts'
import type { ServerProcess } from '../server-process.ts'

const run = promisify(execFile)
const host = '127.0.0.1'
const startTimeoutMs = 60_000

/** A running Temporal dev server; `uiUrl` is undefined without Web UI; `exited` tells how it ended, expected or not. */
export type LocalTemporal = {
  address: string
  uiUrl: string | undefined
  exited: Promise<string>
  stop: () => Promise<void>
}

/**
 * A dev server polls its queues 20 times a second, which makes every hop of a busy workflow wait 50 ms: poll faster. It lets
 * every timer, that of a retry too, wait a second more than it was asked, against clocks of many servers: here is one.
 * Fairness keys keep one tenant's tasks from delaying another's; they order tasks within a partition, so there is one. Whoever is
 * killed while setting the rate of a queue leaves the server with an old copy of it, and every later change is refused until it reads
 * again, by default after five minutes.
 */
const dynamicConfig = {
  'history.transferProcessorMaxPollRPS': 2000,
  'history.timerProcessorMaxPollRPS': 2000,
  'history.visibilityProcessorMaxPollRPS': 2000,
  'history.timerProcessorMaxTimeShift': '"20ms"',
  'matching.enableFairness': true,
  'matching.getUserDataRefresh': '"10s"',
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
}

/**
 * Starts `temporal server start-dev` on loopback ports, with its log in `<stateDir>/logs/temporal.log`, and resolves
 * when it answers, within 60 s. `keepState` keeps it in `<stateDir>/temporal`, safe against a crash of the machine;
 * else it is in memory. Without `uiPort` there is no Web UI. The server picks its inner ports itself, free ones. Throws
 * LocalStackError with the last lines of its log when it does not come up.
 */
export async function startTemporal(options: {
  binary: string
  stateDir: string
  port: number
  uiPort?: number
  keepState: boolean
}): Promise<LocalTemporal> {
  const { binary, port, uiPort, keepState } = options
  const stateDir = resolve(options.stateDir)
  // Else the server that has the port would answer in the place of ours.
  if (await accepts(port))
    throw new LocalStackError(`Port ${port} for the Temporal server is taken by another program.`)
  const args = [
    'server',
    'start-dev',
    `--ip=${host}`,
    `--port=${port}`,
    '--log-level=error',
    ...(uiPort === undefined ? ['--headless'] : [`--ui-port=${uiPort}`, ...(await withoutNews(binary))]),
    ...(keepState ? [`--db-filename=${databaseIn(stateDir)}`] : []),
    '--sqlite-pragma=journal_mode=WAL',
    `--sqlite-pragma=synchronous=${keepState ? 'NORMAL' : 'OFF'}`,
    ...Object.entries(dynamicConfig).map(([key, value]) => `--dynamic-config-value=${key}=${value}`),
  ]
  const server = await startServerProcess({
    name: 'temporal',
    command: binary,
    args,
    stateDir,
    stopSignals: ['SIGTERM'],
    graceMs: 10_000,
  })
  const address = `${host}:${port}`
  const failure = await healthyOrFailed(server, port)
  if (failure !== undefined) {
    await server.stop()
    throw new LocalStackError(`The Temporal server did not start (${failure}). Its log ends: ${server.logTail()}`)
  }
  const uiUrl = uiPort === undefined ? undefined : `http://${host}:${uiPort}`
  return { address, uiUrl, exited: server.exited, stop: server.stop }
}

/** In a folder of its own with mode 700, for the server makes the file readable to everybody. */
function databaseIn(stateDir: string): string {
  const folder = join(stateDir, 'temporal')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return join(folder, 'temporal.db')
}

/** The local stack calls nobody outside; command lines before 1.5 do not know the flag and fetch no news. */
async function withoutNews(binary: string): Promise<string[]> {
  const flag = '--ui-disable-news-fetch'
  const { stdout } = await run(binary, ['server', 'start-dev', '--help'], { timeout: 20_000 })
  return stdout.includes(flag) ? [flag] : []
}

/** Resolves to undefined when the server answers, else to what happened. */
async function healthyOrFailed(server: ServerProcess, port: number): Promise<string | undefined> {
  let ended: string | undefined
  void server.exited.then((how) => (ended = how))
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    if (ended !== undefined) return ended
    if ((await accepts(port)) && (await serves(`${host}:${port}`))) return undefined
    await sleep(20)
  }
  return `no answer within ${startTimeoutMs / 1000} s`
}

async function serves(address: string): Promise<boolean> {
  try {
    await (await Connection.connect({ address, connectTimeout: 1_000 })).close()
    return true
  } catch {
    return false
  }
}
