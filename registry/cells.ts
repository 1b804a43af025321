import type { Actor } from '../domain/events.ts'
import type { Cell as CellFacts } from '../domain/placement.ts'
import type { CellDeclaration, Platform } from '../domain/platform.ts'
import { platformStream } from '../domain/events.ts'
import { Cell, type CellRow } from './entities/placement.ts'
import { appendEvents } from './events.ts'
import type { EntityManager } from './orm.ts'

/** What the world needs to know of a cell, without its references to credentials. */
export function cellFacts(row: Pick<CellRow, 'name' | 'region' | 'declaration' | 'database'>): CellFacts {
  const { root, container } = row.declaration.objectStore
  return { name: row.name, region: row.region, database: row.database, objectStore: { root, container } }
}

type Site = { cell: Omit<CellRow, 'updatedAt'>; epoch: number }

/** The cell that holds a resource, and the epoch of the placement it is of. */
export async function siteOf(
  em: EntityManager,
  { tenant, environment, placement, cell }: { tenant: string; environment: string; placement: number; cell: string },
): Promise<Site> {
  const [site] = await em.execute<Site[]>(
    `select to_jsonb(c) as cell, to_jsonb(p.epoch) as epoch from placements p, cells c
     where p.tenant_id = ? and p.environment = ? and p.number = ? and c.name = ?`,
    [tenant, environment, placement, cell],
  )
  if (site === undefined) throw new Error(`placement ${placement} of tenant ${tenant} is not in the registry`)
  return site
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
