import { FreeholdError } from '../domain/errors.ts'
import type { Actor } from '../domain/events.ts'
import { candidateCells, type Cell as CellFacts } from '../domain/placement.ts'
import type { CellDeclaration, Platform } from '../domain/platform.ts'
import { platformStream } from '../domain/events.ts'
import { weigh } from '../crypto/tokens.ts'
import { Cell, type CellRow } from './entities/placement.ts'
import { appendEvents } from './events.ts'
import type { EntityManager } from './orm.ts'

/** What the world needs to know of a cell, without its references to credentials. */
export function cellFacts(row: CellRow): CellFacts {
  const { root, container } = row.declaration.objectStore
  return { name: row.name, region: row.region, database: row.database, objectStore: { root, container } }
}

/** All cells by name. */
export async function cellsByName(em: EntityManager): Promise<Map<string, CellRow>> {
  return new Map((await em.find(Cell, {})).map((row) => [row.name, row]))
}

/**
 * Records the cells of the platform file; says so in the platform's stream where something changed. A cell that is no
 * longer declared is closed, never forgotten: tenants live there.
 * @param endpoint the database endpoint tenants are told for a cell
 */
export async function applyCells(
  em: EntityManager,
  platform: Platform,
  endpoint: (cell: CellDeclaration) => Promise<CellFacts['database']>,
): Promise<void> {
  const wanted = await Promise.all(
    platform.cells.map(async (declaration) => ({ declaration, database: await endpoint(declaration) })),
  )
  await em.transactional(async (tx) => {
    await tx.execute(`select pg_advisory_xact_lock(hashtext('freehold/cells'))`)
    const present = await cellsByName(tx)
    const changed: string[] = []
    for (const { declaration, database } of wanted) {
      const { name, region, state, capacity } = declaration
      const row = present.get(name)
      if (row !== undefined && same(row, { region, state, capacity, declaration, database })) continue
      changed.push(name)
      if (row === undefined) tx.create(Cell, { name, region, state, capacity, declaration, database })
      else Object.assign(row, { region, state, capacity, declaration, database })
    }
    for (const row of present.values()) {
      if (row.state === 'closed' || platform.cells.some((cell) => cell.name === row.name)) continue
      row.state = 'closed'
      changed.push(row.name)
    }
    await tx.flush()
    const actor: Actor = 'system:platform-file'
    await appendEvents(
      tx,
      platformStream,
      changed.map((cell) => ({ type: 'TENANCY_CELL_CHANGED' as const, actor, data: { cell } })),
    )
  })
}

function same(row: CellRow, wanted: Partial<CellRow>): boolean {
  const order = (value: unknown): unknown =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, order(inner)]),
        )
      : value
  return Object.entries(wanted).every(
    ([key, value]) => JSON.stringify(order(row[key as keyof CellRow])) === JSON.stringify(order(value)),
  )
}

/**
 * Takes one place in the best open cell with room, by rendezvous hash. Throws `cell_exhausted` when there is none.
 */
export async function takeCell(
  em: EntityManager,
  wanted: { tenantCode: string; region: string; profile: string; environment: string },
): Promise<string> {
  const rows = [...(await cellsByName(em)).values()]
  const cells = rows.map((row) => ({ ...row.declaration, state: row.state }))
  for (const { name } of candidateCells(cells, wanted, weigh)) {
    const [taken] = await em.execute<object[]>(
      `update cells set used = used + 1, updated_at = now() where name = ? and state = 'open' and used < capacity returning name`,
      [name],
    )
    if (taken !== undefined) return name
  }
  throw new FreeholdError(
    'cell_exhausted',
    `no open cell in region "${wanted.region}" has room for profile "${wanted.profile}", environment "${wanted.environment}"; raise a capacity or add a cell to the platform file`,
  )
}

/** Gives back the place a placement had. */
export async function releaseCell(em: EntityManager, name: string): Promise<void> {
  await em.execute('update cells set used = used - 1, updated_at = now() where name = ?', [name])
}
