import type { Placement } from '../domain/placement.ts'
import type { Platform } from '../domain/platform.ts'
import type { Site } from '../domain/topology.ts'
import { siteFrom } from './cells.ts'
import type { BusRow, CellRow } from './entities/placement.ts'
import type { Sql } from './sql.ts'

/** Where one environment lives, with its cell and bus. */
export type SitedPlacement = Placement & { readonly site: Site }

/** A placement with the rows of its cell and its bus. */
export type PlacementWithRows = { placement: Placement; cell: CellRow; bus: BusRow | null }

/** SQL: an array of the placements of tenant $1 that are not released, in a stable order. */
export const placementsWithRows = `(select coalesce(jsonb_agg(jsonb_build_object(
    'placement', jsonb_build_object('environment', p.environment, 'number', p.number, 'profile', p.profile,
      'cell', p.cell, 'bus', p.bus, 'segment', p.segment, 'state', p.state, 'epoch', p.epoch,
      'ownStore', p.own_store, 'server', case when s.name is not null then s.address || jsonb_build_object('secret', s.name) end),
    'cell', to_jsonb(c), 'bus', to_jsonb(b)) order by p.environment, p.number), '[]')
  from placements p join cells c on c.name = p.cell left join buses b on b.name = p.bus
    left join platform_secrets s on s.name = p.server_secret
  where p.tenant_id = $1 and p.state <> 'released')`

/** The placements with their sites, for a tenant with this plan. */
export function withSites(rows: readonly PlacementWithRows[], platform: Platform, plan: string): SitedPlacement[] {
  return rows.map(({ placement, cell, bus }) => ({ ...placement, site: siteFrom(platform, plan, cell, bus) }))
}

/** The placements of a tenant that are not released, with their sites. */
export async function placementsOf(
  sql: Sql,
  platform: Platform,
  tenant: { id: string; plan: string },
): Promise<SitedPlacement[]> {
  const [row] = await sql<{ placements: PlacementWithRows[] }>({
    name: 'placements',
    text: `select ${placementsWithRows} as placements`,
    values: [tenant.id],
  })
  return withSites(row?.placements ?? [], platform, tenant.plan)
}
