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
      ...record(cellRows, cells, (row) => tx.create(Cell, row)).map((cell) => ({ cell })),
      ...record(busRows, buses, (row) => tx.create(Bus, row)).map((bus) => ({ bus })),
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

function columns({ name, region, state, capacity }: CellDeclaration | BusDeclaration) {
  return { name, region, state, capacity }
}

/** Brings the rows to what is wanted, and gives the names of those that changed. */
function record<R extends CellRow | BusRow, W extends { name: string } & Partial<R>>(
  rows: readonly R[],
  wanted: readonly W[],
  create: (row: W) => unknown,
): string[] {
  const changed: string[] = []
  for (const one of wanted) {
    const row = rows.find(({ name }) => name === one.name)
    if (row !== undefined && same(row, one)) continue
    changed.push(one.name)
    if (row === undefined) create(one)
    else Object.assign(row, one)
  }
  for (const row of rows) {
    if (row.state === 'closed' || wanted.some(({ name }) => name === row.name)) continue
    row.state = 'closed'
    changed.push(row.name)
  }
  return changed
}

function same<R extends object>(row: R, wanted: Partial<R>): boolean {
  return Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(row[key as keyof R], stored(value)))
}

/** As a column of JSON gives it back: what is undefined is not there. */
function stored(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
