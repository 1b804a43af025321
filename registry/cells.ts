import type { Bus as BusFacts, Cell as CellFacts } from '../domain/placement.ts'
import { objectStore as objectStoreSchema, type Platform } from '../domain/platform.ts'
import type { Site } from '../domain/topology.ts'
import type { BusRow, CellRow } from './entities/placement.ts'

/** What the world needs to know of a cell, without its references to credentials. */
export function cellFacts(row: Pick<CellRow, 'name' | 'region' | 'declaration' | 'database'>): CellFacts {
  const { runtime, network } = row.declaration
  // A cell that left the platform file keeps the declaration it had, which may be older than kinds of stores.
  const objectStore = objectStoreSchema.parse(row.declaration.objectStore)
  return { name: row.name, region: row.region, database: row.database, objectStore, runtime, network }
}

/** What the world needs to know of a bus, without its references to credentials. */
export function busFacts({ name, region, endpoint }: Pick<BusRow, 'name' | 'region' | 'endpoint'>): BusFacts {
  return { name, region, endpoint }
}

/** Where a placement of a tenant with this plan lives. A plan that is no longer on offer weighs 1 among others. */
export function siteFrom(platform: Platform, plan: string, cell: CellRow, bus: BusRow | null): Site {
  const weight = platform.plans.find(({ name }) => name === plan)?.weight ?? 1
  return { cell: cellFacts(cell), bus: bus === null ? undefined : busFacts(bus), weight }
}
