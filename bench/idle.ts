import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Closing } from '../base/closing.ts'
import { compileCache } from '../local/compile-cache.ts'
import { applyFirstTenant } from '../local/first-tenant.ts'
import { startServiceProcess } from './service-process.ts'
import { startBenchServers, withClosing } from './stack.ts'

/**
 * What one process holds and takes while nothing happens. `proportionalMiB` counts a page that several processes share, such as
 * Node's own code, only by its share.
 */
type Idle = { residentMiB: number; proportionalMiB: number; percentOfCore: number }
/** Ticks of the processor and kilobytes of memory. */
type Sample = { ticks: number; residentKiB: number; proportionalKiB: number }

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
  return withClosing(async (closing) => {
    const pids = await start(closing)
    await sleep(settleMs)
    const before = await Promise.all(pids.map(sample))
    const began = performance.now()
    await sleep(measureMs)
    const seconds = (performance.now() - began) / 1_000
    const after = await Promise.all(pids.map(sample))
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
  })
}

/** As the image is built: what each service loads is compiled beforehand. Without configuration each ends at once. */
async function fillCompileCache(): Promise<void> {
  for (const service of ['api/main.ts', 'worker/main.ts', 'packages/service-bus-broker/main.ts']) {
    const env = { ...compileCache, SERVICE_BUS_NAMESPACES: 'none' }
    await once(
      spawn(process.execPath, [service], { cwd: join(import.meta.dirname, '..'), env, stdio: 'ignore' }),
      'exit',
    )
  }
}

/** Starts it all and gives the process ids in the order of `services`. */
async function start(closing: Closing): Promise<number[]> {
  await fillCompileCache()
  const { environment, adminKey, brokerPid } = await startBenchServers(closing)
  const worker = await startServiceProcess('worker', environment, closing)
  const api = await startServiceProcess('api', environment, closing)
  if (!(await applyFirstTenant(api.url, adminKey, 'examples/tenants/acme.yaml', log)))
    throw new Error('no tenant was provisioned')
  return [api.pid, worker.pid, brokerPid?.() ?? 0]
}

async function sample(pid: number): Promise<Sample> {
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
