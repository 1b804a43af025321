import { setTimeout as sleep } from 'node:timers/promises'
import { isGenuine } from '@freehold/sdk'
import { createTenantDatabase } from '@freehold/sdk/database'
import type { Closing } from '../../base/closing.ts'
import { fillShop, sizeOfShop } from '../../examples/shop/fill.ts'
import { checkLedger } from '../../examples/shop/ledger.ts'
import { startWriters, type Acknowledged, type Writers } from '../../examples/shop/writers.ts'
import type { Display } from './display.ts'
import { longestGapMs, medianMs, round, within, type Span } from './figures.ts'
import { findLeftovers } from './leftovers.ts'
import { createMoves, type Relocation } from './moves.ts'
import type { MoveStack } from './stack.ts'

export type Wanted = {
  readonly megabytes: number
  readonly writers: number
  /** How long the writers are watched before and after a move, in milliseconds; half a second of it is for them to begin. */
  readonly quietMs: number
}

const slug = 'shop'

/** Moves a shop there, back, and there for good, under writers. Gives the figures, and what is not as it should be. */
export async function demonstrate(stack: MoveStack, display: Display, wanted: Wanted, closing: Closing) {
  const { client, api } = stack
  const { quietMs } = wanted
  const wrong: string[] = []
  const must = (isSo: boolean, what: string) => void (isSo || wrong.push(what))
  const head = (title: string) => display.say(`\n${title}`)
  const done = (line: string) => display.say(`   ✓ ${line}`)

  head('1. A shop, in a schema of the shared database')
  const { operation } = await client.applyTenant(slug, manifest)
  const born = await client.waitForOperation(operation?.id ?? '')
  if (born.state !== 'succeeded') throw new Error(`provision is ${born.state}: ${born.error?.message ?? ''}`)
  // One for each writer; at a cut those of the side that was left may still be closing.
  const most = 2 * wanted.writers
  const database = createTenantDatabase({ api, tenant: slug, maxConnections: most, connectionsPerTenant: most })
  closing.add('the connections of the shop', () => database.close())
  const size = await fillShop(database, wanted.megabytes)
  done(`${megabytes(size)} MB in customers, products, orders, payments, events and a partitioned audit table`)

  const all: Acknowledged[] = []
  const errors: unknown[] = []
  let writers: Writers | undefined
  async function stop(): Promise<void> {
    await writers?.stop()
    all.push(...(writers?.acknowledged ?? []))
    errors.push(...(writers?.errors ?? []))
    writers = undefined
  }
  closing.add('the writers', stop)
  function start(name: string): number {
    writers = startWriters(database, { name, many: wanted.writers })
    display.follow(writers)
    return performance.now()
  }
  async function ledger() {
    await stop()
    display.close()
    const references = all.map(({ reference }) => reference)
    const found = await checkLedger(database, references)
    must(errors.length === 0, `clients saw errors, the first: ${String(errors[0])}`)
    const { lost, duplicated, incomplete } = found
    must(lost + duplicated + incomplete === 0, `the ledger differs: ${JSON.stringify(found)}`)
    display.say(
      `   ledger: ${all.length} acknowledged, ${lost} lost, ${duplicated} duplicated, ${incomplete} in part; ${errors.length} client errors`,
    )
    return found
  }
  const moves = createMoves(client, slug, display)
  const timed = async (command: () => Promise<Relocation>): Promise<{ moved: Relocation; span: Span }> => {
    const from = performance.now()
    const moved = await command()
    display.show(moved.state)
    return { moved, span: { from, to: performance.now() } }
  }

  head(`2. ${wanted.writers} writers, each with one order after the other`)
  display.show('before')
  const began = start('first')
  await sleep(quietMs)
  const before = within(writers?.acknowledged ?? [], { from: began + 500, to: performance.now() })
  const medianLatencyMs = medianMs(before)
  done(`${Math.round((before.length * 1_000) / (quietMs - 500))} orders/s, median ${medianLatencyMs} ms, nothing moves`)

  head('3. It moves to a database of its own, while they write')
  const there = await timed(() => moves.relocate())
  await sleep(quietMs)
  const { cut, verified } = there.moved
  must(cut?.serving === 'target', 'the new side does not serve')
  must(verified?.taken === 'at-the-cut', 'it was not proven at the exact cut')
  const fenceMs = round(cut?.fenceMs ?? Number.NaN)
  done(
    `writers were stopped for ${fenceMs} ms (${ratio(fenceMs, medianLatencyMs)} times the median), ${cut?.tries} tries`,
  )
  const isSigned = await printReport(stack, display)
  must(isSigned, 'the report is missing, or its signature is not genuine')
  const rowsVerified = Number(verified?.rows ?? 0)
  const tenant = await client.getTenant(slug)
  const leftBy = (moves: readonly Relocation[], placement: number) =>
    findLeftovers(stack.superuserUrl, tenant, { moves: moves.map(({ id }) => id), placement })
  const inMove = await leftBy([there.moved], there.moved.target)
  must(inMove.length > 0, 'the search for leftovers finds nothing in the middle of a move')

  head('4. It goes back, with all that was written since, while they write')
  const back = await timed(() => moves.rollBack(there.moved.id))
  await sleep(quietMs)
  const { rollback } = back.moved
  must(rollback?.serving === 'source', 'the old side does not serve')
  const rollbackFenceMs = round(rollback?.fenceMs ?? Number.NaN)
  done(`writers were stopped for ${rollbackFenceMs} ms (${ratio(rollbackFenceMs, medianLatencyMs)} times the median)`)
  const firstSpan = { from: began, to: performance.now() }
  const first = await ledger()

  head('5. It moves again, for good')
  display.show('before')
  const again = start('second')
  await sleep(quietMs / 3)
  const second = await timed(() => moves.relocate())
  await timed(() => moves.complete(second.moved.id))
  await sleep(quietMs / 3)
  const secondSpan = { from: again, to: performance.now() }
  const last = await ledger()
  const context = await client.getTenantContext(slug)
  must(context.profile === 'st-dedicated' && context.state === 'active', 'the context says something else')
  const leftovers = await leftBy([there.moved, second.moved], second.moved.target)
  must(leftovers.length === 0, `there are leftovers: ${leftovers.slice(0, 5).join('; ')}`)
  done(
    `it is complete after a cut of ${round(second.moved.cut?.fenceMs ?? 0)} ms; of ${inMove.length} traces in the middle of a move ${leftovers.length} are left`,
  )

  const gaps = [longestGapMs(all, firstSpan), longestGapMs(all, secondSpan)]
  const figures = {
    size,
    transactions: all.length,
    medianLatencyMs,
    fenceMs,
    longestGapMs: Math.max(...gaps),
    clientErrors: errors.length,
    lost: first.lost + last.lost,
    duplicated: first.duplicated + last.duplicated,
    rowsVerified,
    equal: verified !== null,
    rollbackFenceMs,
    secondFenceMs: round(second.moved.cut?.fenceMs ?? Number.NaN),
    medianWhileMovingMs: medianMs(within(all, there.span)),
    sizeAtTheEnd: await sizeOfShop(database),
    leftovers: leftovers.length,
    moveMs: Math.round(there.span.to - there.span.from),
  }
  return { figures, wrong }
}

const manifest = {
  apiVersion: 'freehold.dev/v1alpha1' as const,
  kind: 'Tenant' as const,
  metadata: { slug, name: 'A shop' },
  spec: { plan: 'pro', region: 'eu-north' },
}

const megabytes = (bytes: number) => Math.round(bytes / 1_000_000)
const ratio = (ms: number, median: number) => round(ms / median)

type Document = { move: { verified: { ms: number; tables: { name: string; rows: string; hash: string }[] } } }

/** Prints what was proven, and gives whether the platform has signed it. */
async function printReport({ client }: MoveStack, display: Display): Promise<boolean> {
  const report = (await client.listReports(slug)).findLast(({ kind }) => kind === 'relocation')
  if (report === undefined) return false
  const { verified } = (JSON.parse(report.document) as Document).move
  for (const { name, rows, hash } of verified.tables)
    display.say(`     ${name.padEnd(18)} ${rows.padStart(9)} rows  ${hash.slice(0, 24)}  equal`)
  const isSigned = isGenuine(report, await client.signingKeys())
  display.say(
    `   ✓ every row of ${verified.tables.length} tables compared in ${Math.round(verified.ms)} ms while it served, and signed`,
  )
  return isSigned
}
