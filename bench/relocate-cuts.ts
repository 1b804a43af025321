import { setTimeout as sleep } from 'node:timers/promises'
import { checkLedger } from '../examples/shop/ledger.ts'
import { startWriters } from '../examples/shop/writers.ts'
import { cutOver, type EndName } from '../isolation/move/cutover.ts'
import { withMover, type Move } from '../isolation/move/end.ts'
import { openLogin } from '../isolation/move/rights.ts'
import { publishCut } from '../operations/publish-cut.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { quantile } from './quantile.ts'
import type { Shop } from './relocate-tenant.ts'
import type { Stack } from './stack.ts'

const quietMs = 4_000
/** On both sides of a cut. */
const aroundMs = 700

/**
 * Cuts a shop back and there again, so many times in one move, under writers that follow by the API: the cut of the product and its
 * entry in the registry, without the workflow around it.
 */
export async function measureCuts(
  { deps }: Stack,
  shop: Shop,
  { move, relocation }: { move: Move; relocation: RelocationRow },
  { writers: many, cuts }: { writers: number; cuts: number },
) {
  const { signal } = new AbortController()
  const { triggers = { quiet: [], wake: [] }, tables = [] } = relocation.facts
  const operation = { id: relocation.id, correlationId: relocation.id }
  const writers = startWriters(shop.database, { name: 'cuts', many })
  const began = performance.now()
  await sleep(quietMs)
  const before = writers.acknowledged.filter(({ at }) => at > began + quietMs / 4).map(({ ms }) => ms)
  let fence = await highestFence(move)
  let wanted: EndName = 'source'
  const found: Record<EndName, { fenceMs: number; publishedMs: number; gapMs: number; tries: number }[]> = {
    source: [],
    target: [],
  }
  for (let cut = 0; cut < cuts; cut += 1) {
    await openLogin(move[wanted], signal)
    const from = performance.now()
    const { measured } = await cutOver(move, wanted, {
      fence: (fence += 1),
      budgetMs: relocation.options.pauseBudgetMs,
      tables: tables.length,
      triggers,
      tries: 8,
      suspended: async () => false,
      publish: (serving, side) =>
        publishCut(deps.orm.pool, operation, relocation, { ...side, number: relocation[serving] }),
      signal,
    })
    await sleep(aroundMs)
    for (const holder of measured?.holders ?? []) void holder.end()
    const { fenceMs = Number.NaN, publishedMs = Number.NaN, tries = 0 } = measured ?? {}
    const gapMs = longestGap(writers.acknowledged.map(({ at }) => at).filter((at) => at > from - aroundMs))
    found[wanted].push({ fenceMs, publishedMs, gapMs, tries })
    wanted = wanted === 'source' ? 'target' : 'source'
  }
  await writers.stop()
  const references = writers.acknowledged.map(({ reference }) => reference)
  const medianMs = quantile(before, 0.5)
  const figures = (all: (typeof found)['source']) => {
    const of = (key: 'fenceMs' | 'publishedMs' | 'gapMs', share: number) =>
      quantile(
        all.map((one) => one[key]),
        share,
      )
    const [p50, p99] = [of('fenceMs', 0.5), of('fenceMs', 0.99)]
    return {
      cuts: all.length,
      fenceP50Ms: p50,
      fenceP99Ms: p99,
      fenceP50Ratio: p50 / medianMs,
      fenceP99Ratio: p99 / medianMs,
      publishedP50Ms: of('publishedMs', 0.5),
      gapP50Ms: of('gapMs', 0.5),
      longestGapMs: of('gapMs', 1),
      longestGapRatio: of('gapMs', 1) / medianMs,
      moreThanOneTry: all.filter(({ tries }) => tries > 1).length,
    }
  }
  return {
    writers: many,
    transactions: references.length,
    medianMs,
    p99Ms: quantile(before, 0.99),
    longestGapWithoutMs: longestGap(writers.acknowledged.map(({ at }) => at).filter((at) => at < began + quietMs)),
    there: figures(found.target),
    back: figures(found.source),
    all: figures([...found.target, ...found.source]),
    clientErrors: writers.errors.length,
    ...(await checkLedger(shop.database, references)),
  }
}

function longestGap(moments: readonly number[]): number {
  const sorted = moments.toSorted((a, b) => a - b)
  return Math.max(0, ...sorted.slice(1).map((at, index) => at - (sorted[index] ?? at)))
}

/** Of the claims of this move: a cut with a lower one would be refused. */
async function highestFence(move: Move): Promise<number> {
  const { signal } = new AbortController()
  const ask = (end: EndName) =>
    withMover(move[end], { signal }, async (client) => {
      const { rows } = await client.query<{ fence: number }>(
        'select coalesce(max(fence), 0)::float8 as fence from tenancy.placement where tenant = $1',
        [move.tenantId],
      )
      return rows[0]?.fence ?? 0
    })
  return Math.max(await ask('source'), await ask('target'))
}
