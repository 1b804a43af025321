import type { Bus as BusFacts, Cell as CellFacts } from '../domain/placement.ts'
import type { Platform } from '../domain/platform.ts'
import type { Site } from '../domain/topology.ts'
import { Bus, Cell, type BusRow, type CellRow, type PlacementRow } from './entities/placement.ts'
import type { EntityManager } from './orm.ts'

/** What the world needs to know of a cell, without its references to credentials. */
export function cellFacts(row: Pick<CellRow, 'name' | 'region' | 'declaration' | 'database'>): CellFacts {
  const { objectStore, runtime, network } = row.declaration
  return { name: row.name, region: row.region, database: row.database, objectStore, runtime, network }
}

/** What the world needs to know of a bus, without its references to credentials. */
export function busFacts({ name, region, endpoint }: Pick<BusRow, 'name' | 'region' | 'endpoint'>): BusFacts {
  return { name, region, endpoint }
}

/** Where a placement of a tenant with this plan lives. A plan that is no longer on offer weighs 1 among others. */
export async function siteOf(
  em: EntityManager,
  platform: Platform,
  plan: string,
  placement: Pick<PlacementRow, 'cell' | 'bus'>,
): Promise<Site> {
  const cell = await em.findOneOrFail(Cell, { name: placement.cell })
  const bus = placement.bus ? await em.findOneOrFail(Bus, { name: placement.bus }) : null
  return siteFrom(platform, plan, cell, bus)
}

/** The same from rows that were read already. */
export function siteFrom(platform: Platform, plan: string, cell: CellRow, bus: BusRow | null): Site {
  const weight = platform.plans.find(({ name }) => name === plan)?.weight ?? 1
  return { cell: cellFacts(cell), bus: bus === null ? undefined : busFacts(bus), weight }
}
