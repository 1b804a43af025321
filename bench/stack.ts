import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Client } from '@temporalio/client'
import { startApi } from '../api/server.ts'
import { freePorts } from '../local/ports.ts'
import { openStateDir } from '../local/state-dir.ts'
import { readConfig, setVariables } from '../base/config.ts'
import { createLogger } from '../base/logger.ts'
import { apiMetrics, createMetricsRegistry } from '../base/metrics.ts'
import { connectTemporal, operationStarter, timingOf } from '../base/temporal.ts'
import { createApiKey } from '../registry/api-keys.ts'
import { prepareDatabases } from '../deploy/databases.ts'
import { keptSecret } from '../deploy/kept-secret.ts'
import { startServers } from '../local/servers.ts'
import { composeWorker, type WorkerDeps } from '../worker/compose.ts'
import { installRuntime } from '../worker/runtime.ts'

/** Everything `npm start` has, on ports and in a state directory of its own. */
export type Stack = {
  deps: WorkerDeps
  client: Client
  temporalAddress: string
  temporalNamespace: string
  concurrency: number
  /** Base URL of the API and a key of a platform-admin. */
  api: { url: string; key: string }
}

const log = (line: string): void => console.error(`bench: ${line}`)

/** Runs `work` on a new, durable stack with the standard configuration; the stack is gone afterwards, also when interrupted. */
export async function withStack<T>(work: (stack: Stack) => Promise<T>): Promise<T> {
  const undo: (() => Promise<unknown> | void)[] = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  // The servers lead sessions of their own, so that a Ctrl-C does not reach them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(130)))
  try {
    return await work(await start(undo))
  } finally {
    await stop()
  }
}

async function start(undo: (() => Promise<unknown> | void)[]): Promise<Stack> {
  const path = await mkdtemp(join(tmpdir(), 'freehold-bench-'))
  undo.push(() => rm(path, { recursive: true, force: true }))
  const state = await openStateDir({ path, log })
  undo.push(() => state.release())
  const [postgres, temporal, ui, bus, busAdmin] = await freePorts(5)
  const settings = readConfig({
    FREEHOLD_STATE_DIR: path,
    FREEHOLD_PORT: '0',
    FREEHOLD_POSTGRES_PORT: String(postgres),
    FREEHOLD_TEMPORAL_PORT: String(temporal),
    FREEHOLD_TEMPORAL_UI_PORT: String(ui),
    FREEHOLD_SERVICE_BUS_PORT: String(bus),
    FREEHOLD_SERVICE_BUS_ADMIN_PORT: String(busAdmin),
    FREEHOLD_PLATFORM_KEY: `file:${join(path, 'platform.key')}`,
    LOG_LEVEL: 'warn',
  })
  keptSecret(join(path, 'platform.key'), 'base64')
  const servers = await startServers(settings, path, { signal: new AbortController().signal, log })
  undo.push(() => servers.stop())
  const provisionerPassword = keptSecret(join(path, 'provisioner.password'), 'hex')
  const provisionerUrl = await prepareDatabases(servers.adminUrl, { provisionerPassword, lockDown: true })
  const config = {
    ...settings,
    DATABASE_URL: servers.adminUrl,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    FREEHOLD_PLATFORM_KEY: `file:${join(path, 'platform.key')}`,
    ...servers.bus,
  }
  const logger = createLogger(config)
  installRuntime(logger)
  const deps = await composeWorker(config, { FREEHOLD_WAREHOUSE_URL: provisionerUrl, ...servers.bus })
  undo.push(() => deps.close())
  const client = await connectTemporal(config)
  undo.push(() => client.connection.close())
  const starter = operationStarter(client, { taskQueue: config.FREEHOLD_TASK_QUEUE, timing: timingOf(config) })
  const temporalNamespace = config.TEMPORAL_NAMESPACE
  const metrics = createMetricsRegistry()
  undo.push(
    startWorkerProcess({
      DATABASE_URL: config.DATABASE_URL,
      TEMPORAL_ADDRESS: config.TEMPORAL_ADDRESS,
      FREEHOLD_PLATFORM_KEY: config.FREEHOLD_PLATFORM_KEY,
      FREEHOLD_STATE_DIR: path,
      FREEHOLD_WAREHOUSE_URL: provisionerUrl,
      LOG_LEVEL: 'warn',
      ...setVariables(servers.bus),
    }),
  )
  const ready = async () => ({})
  const api = await startApi({
    ...deps,
    starter,
    log: logger,
    metrics: apiMetrics(metrics),
    temporalNamespace,
    ready,
    host: '127.0.0.1',
    port: 0,
  })
  undo.push(() => api.stop())
  const key = await createApiKey(deps.orm.em.fork(), 'bench', 'platform-admin')
  return {
    deps,
    client,
    temporalAddress: config.TEMPORAL_ADDRESS,
    temporalNamespace,
    concurrency: config.FREEHOLD_WORKER_CONCURRENCY,
    api: { url: api.url, key },
  }
}

/** The worker as a process of its own, as in production, so that the API's answers do not wait for its work. */
function startWorkerProcess(environment: Record<string, string>): () => Promise<unknown> {
  const { PATH, HOME } = process.env
  const root = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn(process.execPath, ['worker/main.ts'], {
    cwd: root,
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  return () => {
    child.kill('SIGTERM')
    return ended
  }
}
