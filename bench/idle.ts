import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../local/ports.ts'
import type { RunningNamespace } from '../packages/service-bus-broker/service-bus.ts'
import { openStateDir } from '../local/state-dir.ts'
import { readConfig } from '../base/config.ts'
import { createApiKey } from '../registry/api-keys.ts'
import { openRegistry } from '../registry/orm.ts'
import { prepareDatabases } from '../deploy/databases.ts'
import { applyFirstTenant } from '../local/first-tenant.ts'
import { keptSecret } from '../deploy/kept-secret.ts'
import { startServers } from '../local/servers.ts'

/**
 * What one process holds and takes while nothing happens. `proportionalMiB` counts a page that several processes share, such as
 * Node's own code, only by its share.
 */
type Idle = { residentMiB: number; proportionalMiB: number; percentOfCore: number }
type Undo = (() => Promise<unknown> | void)[]
/** Ticks of the processor and kilobytes of memory. */
type Look = { ticks: number; residentKiB: number; proportionalKiB: number }

const services = ['api', 'worker', 'broker'] as const
const settleMs = 15_000
const measureMs = 20_000
/** Ticks a second in /proc, on every Linux there is a Node for. */
const ticksPerSecond = 100
const log = (line: string): void => console.error(`bench: ${line}`)

/**
 * API, worker and broker as processes of their own, on local servers, one tenant provisioned and then nothing to do: memory
 * and share of one core of each and of all. Only where there is a /proc; elsewhere it says so and gives nothing.
 */
export async function benchIdle(): Promise<Record<string, Idle>> {
  if (!existsSync('/proc/self/smaps_rollup')) {
    log('idle figures are read from /proc, which this system does not have; skipped')
    return {}
  }
  const undo: Undo = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(130)))
  try {
    const pids = await start(undo)
    await sleep(settleMs)
    const before = await Promise.all(pids.map(look))
    const began = performance.now()
    await sleep(measureMs)
    const seconds = (performance.now() - began) / 1_000
    const after = await Promise.all(pids.map(look))
    const each = services.map((_, at): Idle => {
      const [from, to] = [before[at], after[at]]
      if (from === undefined || to === undefined) throw new Error('a service has no figures')
      return {
        residentMiB: to.residentKiB / 1_024,
        proportionalMiB: to.proportionalKiB / 1_024,
        percentOfCore: ((to.ticks - from.ticks) / ticksPerSecond / seconds) * 100,
      }
    })
    const sum = (key: keyof Idle) => each.reduce((total, one) => total + one[key], 0)
    const all = {
      residentMiB: sum('residentMiB'),
      proportionalMiB: sum('proportionalMiB'),
      percentOfCore: sum('percentOfCore'),
    }
    return Object.fromEntries([...services, 'together'].map((name, at) => [name, rounded(each[at] ?? all)]))
  } finally {
    await stop()
  }
}

/** Starts it all and gives the process ids in the order of `services`. */
async function start(undo: Undo): Promise<number[]> {
  const path = await mkdtemp(join(tmpdir(), 'freehold-bench-'))
  undo.push(() => rm(path, { recursive: true, force: true }))
  const state = await openStateDir({ path, log })
  undo.push(() => state.release())
  const dataDir = join(path, 'service-bus')
  const broker = service('packages/service-bus-broker/main.ts', {
    SERVICE_BUS_DATA_DIR: dataDir,
    SERVICE_BUS_NAMESPACES: 'bench:0:0',
  })
  undo.push(broker.stop)
  await Promise.race([once(createInterface(broker.child.stdout ?? process.stdin), 'line'), broker.died])
  const [bus]: RunningNamespace[] = JSON.parse(await readFile(join(dataDir, 'connections.json'), 'utf8'))
  if (bus === undefined) throw new Error('the broker serves no namespace')

  const [postgres, temporal, ui, apiPort, metricsPort] = await freePorts(5)
  keptSecret(join(path, 'platform.key'), 'base64')
  const settings = {
    FREEHOLD_STATE_DIR: path,
    FREEHOLD_PORT: String(apiPort),
    FREEHOLD_METRICS_PORT: String(metricsPort),
    FREEHOLD_POSTGRES_PORT: String(postgres),
    FREEHOLD_TEMPORAL_PORT: String(temporal),
    FREEHOLD_TEMPORAL_UI_PORT: String(ui),
    FREEHOLD_PLATFORM_KEY: `file:${join(path, 'platform.key')}`,
    SERVICE_BUS_CONNECTION_STRING: bus.connectionString,
    SERVICE_BUS_ADMIN_CONNECTION_STRING: bus.adminConnectionString,
    SERVICE_BUS_CA_FILE: join(dataDir, 'ca.pem'),
    LOG_LEVEL: 'warn',
  }
  const servers = await startServers(readConfig(settings), path, { signal: new AbortController().signal, log })
  undo.push(() => servers.stop())
  const provisionerPassword = keptSecret(join(path, 'provisioner.password'), 'hex')
  const environment = {
    ...settings,
    DATABASE_URL: servers.adminUrl,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    FREEHOLD_WAREHOUSE_URL: await prepareDatabases(servers.adminUrl, { provisionerPassword, lockDown: true }),
  }
  const [worker, api] = [service('worker/main.ts', environment), service('api/main.ts', environment)]
  undo.push(worker.stop, api.stop)
  await untilReady(`http://127.0.0.1:${metricsPort}`, worker)
  await untilReady(`http://127.0.0.1:${apiPort}`, api)
  await provision(`http://127.0.0.1:${apiPort}`, servers.adminUrl)
  return [api, worker, broker].map(({ child }) => child.pid ?? 0)
}

type Service = { child: ChildProcess; died: Promise<never>; stop: () => Promise<unknown> }

function service(script: string, environment: Record<string, string>): Service {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [script], {
    cwd: join(import.meta.dirname, '..'),
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const died = ended.then(() => Promise.reject(new Error(`${script} ended by itself`)))
  died.catch(() => {})
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  return { child, died, stop }
}

async function untilReady(url: string, { died }: Service): Promise<void> {
  const answers = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await Promise.race([answers(), died]))) await sleep(100)
}

async function provision(api: string, registryUrl: string): Promise<void> {
  const orm = await openRegistry(registryUrl, { connections: 1 })
  const key = await createApiKey(orm.em.fork(), 'bench', 'platform-admin')
  await orm.close(true)
  if (!(await applyFirstTenant(api, key, 'examples/tenants/acme.yaml', log)))
    throw new Error('no tenant was provisioned')
}

async function look(pid: number): Promise<Look> {
  const [stat, memory] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
  ])
  // Fields 14 and 15, user and system time, counted behind the name, which may hold spaces.
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  const kilobytes = (field: string) => Number(new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(memory)?.[1])
  return { ticks: Number(user) + Number(system), residentKiB: kilobytes('Rss'), proportionalKiB: kilobytes('Pss') }
}

function rounded({ residentMiB, proportionalMiB, percentOfCore }: Idle): Idle {
  const short = (value: number) => Math.round(value * 10) / 10
  return {
    residentMiB: short(residentMiB),
    proportionalMiB: short(proportionalMiB),
    percentOfCore: Math.round(percentOfCore * 100) / 100,
  }
}
