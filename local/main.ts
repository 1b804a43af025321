import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startApi } from '../api/server.ts'
import { FreeholdError } from '../domain/errors.ts'
import { LocalStackError } from './errors.ts'
import { openStateDir } from './state-dir.ts'
import { readConfig, setVariables, type Config } from '../base/config.ts'
import { createLogger } from '../base/logger.ts'
import { apiMetrics, createMetricsRegistry, workerMetrics } from '../base/metrics.ts'
import { readiness } from '../base/readiness.ts'
import { reach } from '../base/service.ts'
import { connectTemporal, operationStarter, temporalConnectionOptions, timingOf } from '../base/temporal.ts'
import { createApiKey } from '../registry/api-keys.ts'
import { exposeRegistry } from '../registry/gauges.ts'
import { applyFirstTenant } from './first-tenant.ts'
import { keptSecret } from '../deploy/kept-secret.ts'
import { prepareDatabases } from '../deploy/databases.ts'
import { startServers } from './servers.ts'
import { startTenantWorkloads } from './workloads.ts'
import { composeWorker } from '../worker/compose.ts'
import { installRuntime } from '../worker/runtime.ts'
import { startWorker } from '../worker/worker.ts'

const firstTenant = 'examples/tenants/acme.yaml'
const say = (line: string) => console.log(line)

/** Undone in reverse when the stack stops, whichever part of it had come up. */
const undo: (() => Promise<void> | void)[] = []
const stopping = new AbortController()

async function stopAll(): Promise<void> {
  for (const step of undo.splice(0).toReversed()) await step()
}

/** `npm start`: local stack, worker and API on one machine, and the first tenant on the first start. */
async function start(): Promise<{ died: Promise<string> }> {
  const { values } = parseArgs({ options: { fresh: { type: 'boolean', default: false } } })
  const config = readConfig(process.env)
  const state = await openStateDir({ path: config.FREEHOLD_STATE_DIR, fresh: values.fresh, log: say })
  undo.push(() => state.release())
  say('starting PostgreSQL, Temporal and the bus …')
  const servers = await startServers(config, state.path, { signal: stopping.signal, log: say })
  undo.push(() => servers.stop())
  const product = await startProduct(config, state.path, servers)
  say(welcome(product.url, servers.temporalUiUrl))
  return { died: Promise.race([servers.died, product.died]) }
}

async function startProduct(config: Config, stateDir: string, servers: Awaited<ReturnType<typeof startServers>>) {
  keptSecret(join(stateDir, 'platform.key'), 'base64')
  const provisionerPassword = keptSecret(join(stateDir, 'provisioner.password'), 'hex')
  const preparing = prepareDatabases(servers.adminUrl, { provisionerPassword, lockDown: servers.embedded })
  const provisionerUrl = await reach('PostgreSQL', 'DATABASE_URL', preparing)
  const settings = {
    ...config,
    FREEHOLD_STATE_DIR: stateDir,
    DATABASE_URL: config.DATABASE_URL ?? servers.adminUrl,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    FREEHOLD_PLATFORM_KEY: config.FREEHOLD_PLATFORM_KEY ?? `file:${join(stateDir, 'platform.key')}`,
    ...servers.bus,
  }
  const log = createLogger({ ...config, LOG_LEVEL: process.env['LOG_LEVEL'] ? config.LOG_LEVEL : 'warn' })
  installRuntime(log)
  const deps = await composeWorker(settings, {
    FREEHOLD_WAREHOUSE_URL: provisionerUrl,
    ...servers.bus,
    ...setVariables(process.env),
  })
  undo.push(() => deps.close())
  const client = await connectTemporal(settings)
  undo.push(() => client.connection.close())
  const starter = operationStarter(client, { taskQueue: config.FREEHOLD_TASK_QUEUE, timing: timingOf(config) })
  const metrics = createMetricsRegistry()
  exposeRegistry(metrics, { orm: deps.orm, log, hasGovernance: deps.platform.governance !== undefined })
  const worker = await startWorker(deps, {
    ...(await temporalConnectionOptions(settings)),
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.FREEHOLD_TASK_QUEUE,
    concurrency: config.FREEHOLD_WORKER_CONCURRENCY,
    sweepIntervalMs: config.FREEHOLD_SWEEP_INTERVAL_MS,
    starter,
    log,
    metrics: workerMetrics(metrics),
  })
  undo.push(() => worker.stop())
  const api = await startApi({
    ...deps,
    starter,
    log,
    metrics: apiMetrics(metrics),
    host: config.FREEHOLD_HOST,
    port: config.FREEHOLD_PORT,
    temporalNamespace: config.TEMPORAL_NAMESPACE,
    ...(servers.temporalUiUrl === undefined ? {} : { temporalUiUrl: servers.temporalUiUrl }),
    ready: () =>
      readiness({
        registry: deps.orm.probe,
        temporal: () => client.workflowService.getSystemInfo({}),
      }),
  })
  undo.push(() => api.stop())
  const keyFile = join(stateDir, 'admin.key')
  if (!existsSync(keyFile)) {
    const key = await createApiKey(deps.orm.em.fork(), 'local-admin', 'platform-admin')
    await applyFirstTenant(api.url, key, firstTenant, say)
    writeFileSync(keyFile, `${key}\n`, { mode: 0o600 })
  }
  const at = { stateDir, api: api.url, temporalAddress: settings.TEMPORAL_ADDRESS }
  const workloads = await startTenantWorkloads(deps.orm, at)
  undo.push(() => workloads.stop())
  const died = Promise.race([worker.ended, workloads.ended]).then(
    () => 'the worker ended by itself',
    (error: unknown) => `the worker died: ${error instanceof Error ? error.message : 'unknown'}`,
  )
  return { url: api.url, died }
}

function welcome(api: string, ui: string | undefined): string {
  return [
    '',
    'Freehold is up.',
    `  API            ${api}`,
    `  API reference  ${api}/docs`,
    ...(ui === undefined ? [] : [`  Temporal UI    ${ui}`]),
    '',
    'Try next, in another terminal:',
    '  npx freehold list',
    '  npx freehold describe acme',
    '  npx freehold connect acme -- psql',
    '  npx node examples/workloads/submit.ts acme',
    '',
    'Ctrl-C stops everything; state is kept.',
  ].join('\n')
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) return
    stopping.abort()
    say('stopping …')
  })
}
const stopped = new Promise<undefined>((done) => stopping.signal.addEventListener('abort', () => done(undefined)))

let exitCode = 0
const starting = start()
try {
  const death = await Promise.race([starting.then(({ died }) => died), stopped])
  if (death !== undefined) throw new LocalStackError(death)
} catch (error) {
  exitCode = 1
  const expected = error instanceof LocalStackError || error instanceof FreeholdError
  // Of an error nobody foresaw the stack and nothing else: its properties may hold a connection URL.
  console.error(expected ? `freehold: ${error.message}` : error instanceof Error ? error.stack : error)
}
// A start interrupted half-way must come to its end first, or what it starts next would stay behind.
await Promise.race([starting.catch(() => undefined), sleep(15_000, undefined, { ref: false })])
await stopAll().catch((error: unknown) => {
  console.error(error)
  exitCode = 1
})
process.exit(exitCode)
