import { isDeepStrictEqual } from 'node:util'
import { platformStream, type Actor } from '../domain/events.ts'
import type { BusEndpoint, Cell as CellFacts } from '../domain/placement.ts'
import type { BusDeclaration, CellDeclaration, Platform } from '../domain/platform.ts'
import { Bus, Cell, type BusRow, type CellRow } from './entities/placement.ts'
import { appendEvents } from './events.ts'
import type { EntityManager } from './orm.ts'

/** What the file cannot say: addresses inside of credentials that tenants are to be told. */
export type Endpoints = {
  database(cell: CellDeclaration): Promise<CellFacts['database']>
  bus(bus: BusDeclaration): Promise<BusEndpoint>
}

/**
 * Records the cells and buses of the platform file; says so in the platform's stream where something changed. What is no
 * longer declared is closed, never forgotten: tenants live there.
 */
export async function applyPlatform(em: EntityManager, platform: Platform, endpoints: Endpoints): Promise<void> {
  const cells = await Promise.all(
    platform.cells.map(async (declaration) => ({
      ...columns(declaration),
      declaration,
      database: await endpoints.database(declaration),
    })),
  )
  const buses = await Promise.all(
    platform.buses.map(async (declaration) => ({
      ...columns(declaration),
      declaration,
      endpoint: await endpoints.bus(declaration),
    })),
  )
  await em.transactional(async (tx) => {
    await tx.execute(`select pg_advisory_xact_lock(hashtext('freehold/cells'))`)
    const cellRows = await tx.find(Cell, {})
    const busRows = await tx.find(Bus, {})
    const changes = [
      ...record(cellRows, cells, (row) => tx.create(Cell, row)).map(({ name, ...change }) => ({
        cell: name,
        ...change,
      })),
      ...record(busRows, buses, (row) => tx.create(Bus, row)).map(({ name, ...change }) => ({ bus: name, ...change })),
    ]
    await tx.flush()
    const actor: Actor = 'system:platform-file'
    await appendEvents(
      tx,
      platformStream,
      changes.map((data) => ({ type: 'TENANCY_CELL_CHANGED' as const, actor, data })),
    )
  })
}

function columns({ name, region, state, capacity }: Pick<CellDeclaration, 'name' | 'region' | 'state' | 'capacity'>) {
  return { name, region, state, capacity }
}

/** What became of a row: what is public of it before and after, null when there was none, and what else differs. */
type Change = { name: string; before: Public | null; after: Public; changed: string[] }
type Public = ReturnType<typeof columns>

/** Brings the rows to what is wanted, and gives what changed. */
function record<R extends CellRow | BusRow, W extends Public & Partial<R>>(
  rows: readonly R[],
  wanted: readonly W[],
  create: (row: W) => unknown,
): Change[] {
  const changes: Change[] = []
  for (const one of wanted) {
    const row = rows.find(({ name }) => name === one.name)
    const changed = row === undefined ? Object.keys(one) : differing(row, one)
    if (changed.length === 0) continue
    changes.push({ name: one.name, before: row === undefined ? null : columns(row), after: columns(one), changed })
    if (row === undefined) create(one)
    else Object.assign(row, one)
  }
  for (const row of rows) {
    if (row.state === 'closed' || wanted.some(({ name }) => name === row.name)) continue
    const before = columns(row)
    row.state = 'closed'
    changes.push({ name: row.name, before, after: columns(row), changed: ['state'] })
  }
  return changes
}

/** Names of the columns that are not as they are wanted. */
function differing<R extends object>(row: R, wanted: Partial<R>): string[] {
  return Object.entries(wanted).flatMap(([key, value]) =>
    isDeepStrictEqual(row[key as keyof R], stored(value)) ? [] : [key],
  )
}

/** As a column of JSON gives it back: what is undefined is not there. */
function stored(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
