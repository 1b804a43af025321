import type { Bus as BusFacts, Cell as CellFacts } from '../domain/placement.ts'
import { objectStore as objectStoreSchema, type Platform } from '../domain/platform.ts'
import type { Site } from '../domain/topology.ts'
import { Bus, Cell, type BusRow, type CellRow, type PlacementRow } from './entities/placement.ts'
import type { EntityManager } from './orm.ts'

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
export async function siteOf(
  em: EntityManager,
  platform: Platform,
  plan: string,
  placement: Pick<PlacementRow, 'cell' | 'bus'>,
): Promise<Site> {
  const weight = platform.plans.find(({ name }) => name === plan)?.weight ?? 1
  const cell = await em.findOneOrFail(Cell, { name: placement.cell })
  const bus = placement.bus ? await em.findOneOrFail(Bus, { name: placement.bus }) : undefined
  return { cell: cellFacts(cell), bus: bus && busFacts(bus), weight }
}

type Access = { cell: Omit<CellRow, 'updatedAt'>; bus: Omit<BusRow, 'updatedAt'> | null; epoch: number }

/** Cell and bus of a resource's placement, with their references to credentials, and the epoch of the placement. */
export async function accessOf(
  em: EntityManager,
  { tenant, environment, placement }: { tenant: string; environment: string; placement: number },
): Promise<Access> {
  const [access] = await em.execute<Access[]>(
    `select to_jsonb(c) as cell, to_jsonb(b) as bus, to_jsonb(p.epoch) as epoch
     from placements p join cells c on c.name = p.cell left join buses b on b.name = p.bus
     where p.tenant_id = ? and p.environment = ? and p.number = ?`,
    [tenant, environment, placement],
  )
  if (access === undefined) throw new Error(`placement ${placement} of tenant ${tenant} is not in the registry`)
  return access
}
