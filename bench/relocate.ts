import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type Client } from '@freehold/sdk'
import { startWriters } from '../examples/shop/writers.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { quantile } from './quantile.ts'
import { barePipe, dumpAndRestore } from './relocate-copy.ts'
import { measureCuts } from './relocate-cuts.ts'
import { moveOf, openShop, relocate, rollBack, shopSchemas, type Shop } from './relocate-tenant.ts'
import { withStack, type Stack } from './stack.ts'

type Figures = Readonly<Record<string, number | string>>

const megabyte = 1_000_000
/** The copy beside others is held to this part of its rate. */
const throttled = 0.25
const neighbour = { writers: 2, pauseMs: 20, quietMs: 4_000 }

/**
 * Moves shops of two sizes, and says what the cut takes beside a transaction, what the copy takes beside a bare pipe, how much memory the
 * worker takes, and what a neighbour on the same server sees of it.
 */
export async function benchRelocate(wanted: { megabytes: number; writers: number; cuts: number }) {
  return withStack(
    async (stack) => {
      const client = createClient({ url: stack.api.url, apiKey: stack.api.key })
      const say = (what: string) => console.error(`bench: ${what}`)
      const superuser = new URL(stack.environment['FREEHOLD_WAREHOUSE_URL'] ?? '')
      superuser.username = 'postgres'
      superuser.password = readFileSync(join(stack.stateDir, 'postgres-superuser.password'), 'utf8').trim()
      const shops: Shop[] = []
      const figures: Record<string, Figures> = {}
      try {
        say(`shops of ${wanted.megabytes / 4} and ${wanted.megabytes} MB`)
        const small = await openShop(stack, client, 'small', wanted.megabytes / 4)
        const large = await openShop(stack, client, 'large', wanted.megabytes)
        const beside = await openShop(stack, client, 'beside', 5)
        shops.push(small, large, beside)
        say('a move of the small one, beside a neighbour')
        // What the process is like after one move is what the others start from.
        const first = await relocate(stack, client, small)
        await rollBack(client, small, first.id)
        const rate = (first.facts.copy?.bytes ?? 0) / ((first.facts.copy?.ms ?? 0) / 1_000)
        const throttle = Math.max(65_536, Math.round(rate * throttled))
        figures['neighbour'] = await measureNeighbour(beside, {
          byDefault: async () => rollBack(client, small, (await relocate(stack, client, small)).id),
          throttled: async () => rollBack(client, small, (await relocate(stack, client, small, { throttle })).id),
        })
        say('moves of both, with nothing else under way')
        const ofSmall = await measureMove(stack, client, small)
        const ofLarge = await measureMove(stack, client, large)
        figures['small'] = ofSmall.figures
        figures['large'] = ofLarge.figures
        const move = await moveOf(stack, ofLarge.relocation)
        say('yardsticks of the copy')
        const pipe = await barePipe(superuser.href, move)
        const dump = await dumpAndRestore(superuser.href, move)
        const { bytes = 0, ms = 0 } = ofLarge.relocation.facts.copy ?? {}
        const pipeMs = pipe.copyMs + pipe.buildMs
        figures['copy'] = rounded({
          copyMBps: bytes / megabyte / (ms / 1_000),
          pipeMBps: bytes / megabyte / (pipeMs / 1_000),
          copyMs: ms,
          pipeMs,
          pipeIndexesMs: pipe.buildMs,
          ratio: ms / pipeMs,
          dumpAndRestoreMs: dump,
        })
        say(`${wanted.cuts} cuts under ${wanted.writers} writers`)
        const cuts = await measureCuts(stack, large, { move, relocation: ofLarge.relocation }, wanted)
        const { there, back, all, ...rest } = cuts
        Object.assign(figures, {
          load: rounded(rest),
          cutsThere: rounded(there),
          cutsBack: rounded(back),
          cuts: rounded(all),
        })
      } finally {
        for (const { database } of shops) await database.close()
      }
      return flat(figures)
    },
    { FREEHOLD_MIGRATIONS_DIR: shopSchemas },
  )
}

async function measureMove(
  stack: Stack,
  client: Client,
  shop: Shop,
): Promise<{ relocation: RelocationRow; figures: Figures }> {
  const growth = watchGrowth(stack.workerPid)
  const relocation = await relocate(stack, client, shop)
  const workerGrownMB = growth()
  const { copy, proof } = relocation.facts
  return {
    relocation,
    figures: rounded({
      shopMB: shop.bytes / megabyte,
      onTheWireMB: (copy?.bytes ?? 0) / megabyte,
      copyMs: copy?.ms ?? Number.NaN,
      workerGrownMB,
      verifyMs: proof?.ms ?? Number.NaN,
      verifyMBps: (copy?.bytes ?? 0) / megabyte / ((proof?.ms ?? Number.NaN) / 1_000),
      rows: (proof?.tables ?? []).reduce((sum, { rows }) => sum + Number(rows), 0),
    }),
  }
}

/**
 * Latencies of another tenant's writers on the same server while each of these goes on, as ratios to those before and after all of
 * them, when nothing moved.
 */
async function measureNeighbour(shop: Shop, during: Record<string, () => Promise<void>>): Promise<Figures> {
  const writers = startWriters(shop.database, { name: 'beside', many: neighbour.writers, pauseMs: neighbour.pauseMs })
  const latencies = async (work: () => Promise<unknown>) => {
    const from = writers.acknowledged.length
    await work()
    return writers.acknowledged.slice(from).map(({ ms }) => ms)
  }
  await sleep(1_000)
  const alone = await latencies(() => sleep(neighbour.quietMs))
  const beside: [name: string, took: number[]][] = []
  for (const [name, work] of Object.entries(during)) beside.push([name, await latencies(work)])
  await sleep(500)
  alone.push(...(await latencies(() => sleep(neighbour.quietMs))))
  await writers.stop()
  const figures = beside.map(([name, took]) => ({
    [`${name}P50Ms`]: quantile(took, 0.5),
    [`${name}P99Ms`]: quantile(took, 0.99),
    [`${name}P50Ratio`]: quantile(took, 0.5) / quantile(alone, 0.5),
    [`${name}P99Ratio`]: quantile(took, 0.99) / quantile(alone, 0.99),
  }))
  return rounded({
    aloneP50Ms: quantile(alone, 0.5),
    aloneP99Ms: quantile(alone, 0.99),
    ...Object.assign({}, ...figures),
    clientErrors: writers.errors.length,
  })
}

/** Looks often at the memory of another process; gives how much it had grown at most, in MB. `NaN` where there is no /proc. */
function watchGrowth(pid: number): () => number {
  const look = () => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024
    } catch {
      return Number.NaN
    }
  }
  const before = look()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, look())), 50)
  return () => {
    clearInterval(timer)
    return (most - before) / megabyte
  }
}

/** One line a figure, under `<what>.<figure>`. */
function flat(figures: Readonly<Record<string, Figures>>): Figures {
  return Object.fromEntries(
    Object.entries(figures).flatMap(([what, all]) =>
      Object.entries(all).map(([name, value]) => [`${what}.${name}`, value] as const),
    ),
  )
}

function rounded(figures: Figures): Figures {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      typeof value === 'number' ? Math.round(value * 100) / 100 : value,
    ]),
  )
}
