import type { NewEvent } from '../domain/events.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Platform } from '../domain/platform.ts'
import { releasePlaces, roomIn } from '../registry/capacity.ts'
import type { Sql } from '../registry/sql.ts'
import { placementEvents } from './doors.ts'
import { choosePlaces, type Place } from './places.ts'
import type { LockedOperation, TenantFacts } from './rows.ts'

type Living = Pick<TenantFacts, 'id' | 'code' | 'profile' | 'region'>
type Named = Pick<ResolvedManifest, 'spec'>

/** A place with the number of the placement that is going to be there. */
export type NumberedPlace = Place & { readonly number: number }
type Housed = { environment: string; lives: boolean; highest: number; buses: string[] | null }

/** The environments that the tenant has, or had, a place for. */
function housings(sql: Sql, { id }: Pick<Living, 'id'>): Promise<Housed[]> {
  return sql<Housed>({
    name: 'housed',
    text: `select environment, bool_or(state <> 'released') as lives, max(number) as highest,
        array_agg(bus) filter (where state <> 'released' and bus is not null) as buses
      from placements where tenant_id = $1 group by 1 order by 1`,
    values: [id],
  })
}

/**
 * Chooses a place for every environment of the manifest that has none; takes none. The number of an earlier placement is never
 * given again, for what was removed has left a tombstone under it. Throws what `choosePlaces` throws.
 * @param cell the only one to choose from; any, unless it is said
 */
export async function placesForNew(
  sql: Sql,
  platform: Platform,
  tenant: Living,
  { spec }: Named,
  cell?: string,
): Promise<NumberedPlace[]> {
  const known = await housings(sql, tenant)
  const lives = new Set(known.filter((one) => one.lives).map(({ environment }) => environment))
  const { environments } = spec
  if (environments.every(({ name }) => lives.has(name))) return []
  const had = known.flatMap((one) => one.buses ?? [])
  const housed = { ...tenant, environments, lives, buses: had }
  const { cells, buses } = await roomIn(sql, tenant.region)
  const allowed = cells.filter(({ name }) => cell === undefined || name === cell)
  const places = await choosePlaces(sql, platform, housed, { cells: allowed, buses })
  return places.map((place) => ({
    ...place,
    number: (known.find(({ environment }) => environment === place.environment)?.highest ?? 0) + 1,
  }))
}

/**
 * Enters a placement for every environment of the manifest that has none. The room is to be taken by `takeChosen`, last. Throws
 * what `choosePlaces` throws.
 */
export async function enterEnvironments(
  sql: Sql,
  platform: Platform,
  tenant: Living,
  manifest: Named,
  cell?: string,
): Promise<NumberedPlace[]> {
  const places = await placesForNew(sql, platform, tenant, manifest, cell)
  if (places.length > 0)
    await sql({
      name: 'enter-environments',
      text: `insert into placements (tenant_id, environment, number, profile, cell, bus, segment, server_secret)
        select $1, p.environment, p.number, $2, p.cell, p.bus, p.segment, p.server ->> 'secret'
        from jsonb_to_recordset($3::jsonb) as p
          (environment text, number int, cell text, bus text, segment cidr, server jsonb)`,
      values: [tenant.id, tenant.profile, JSON.stringify(places)],
    })
  return places
}

/** Environments that live and that a manifest does not name. */
export async function dropped(sql: Sql, { id }: Pick<Living, 'id'>, { spec }: Named): Promise<string[]> {
  const names = new Set(spec.environments.map(({ name }) => name))
  const known = await housings(sql, { id })
  return known.filter((one) => one.lives && !names.has(one.environment)).map(({ environment }) => environment)
}

/**
 * Releases the placements of environments that a manifest does not name, and gives their places back. One of which something
 * is left in the ledger keeps its place. Changes rows that many tenants share.
 */
export async function releaseDropped(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  manifest: Named,
): Promise<NewEvent[]> {
  const left = await sql<{ environment: string }>({
    text: 'select distinct environment from resources where tenant_id = $1',
    values: [tenant.id],
  })
  const used = new Set(left.map(({ environment }) => environment))
  const free = (await dropped(sql, tenant, manifest)).filter((environment) => !used.has(environment))
  if (free.length === 0) return []
  return releaseEnvironments(sql, { operation, tenant }, free)
}

/** Releases the placements of environments, or of all, and gives their places back. Changes rows that many tenants share. */
export async function releaseEnvironments(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  environments?: readonly string[],
): Promise<NewEvent[]> {
  return placementEvents(operation, await releasePlaces(sql, tenant.id, environments))
}
