import type { NewEvent } from '../domain/events.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Platform } from '../domain/platform.ts'
import { releasePlaces, roomIn } from '../registry/capacity.ts'
import type { Sql } from '../registry/sql.ts'
import { operationEvent } from './operation-event.ts'
import { choosePlaces, type Place } from './places.ts'
import type { LockedOperation, TenantFacts } from './rows.ts'

type Living = Pick<TenantFacts, 'id' | 'code' | 'profile' | 'region'>
type Named = Pick<ResolvedManifest, 'spec'>

/** Names of the environments that the tenant has a place for. */
async function housed(sql: Sql, { id }: Pick<Living, 'id'>): Promise<string[]> {
  const rows = await sql<{ environment: string }>({
    name: 'housed',
    text: `select distinct environment from placements where tenant_id = $1 and state <> 'released' order by 1`,
    values: [id],
  })
  return rows.map(({ environment }) => environment)
}

/** Chooses a place for every environment of the manifest that has none; takes none. Throws what `choosePlaces` throws. */
export async function placesForNew(sql: Sql, platform: Platform, tenant: Living, { spec }: Named): Promise<Place[]> {
  const has = await housed(sql, tenant)
  const environments = spec.environments.map(({ name }) => name).filter((name) => !has.includes(name))
  if (environments.length === 0) return []
  return choosePlaces(sql, platform, { ...tenant, environments }, await roomIn(sql, tenant.region))
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
): Promise<Place[]> {
  const places = await placesForNew(sql, platform, tenant, manifest)
  if (places.length > 0)
    await sql({
      name: 'enter-environments',
      // The number of an earlier placement is never given again: what was removed has left a tombstone under it.
      text: `insert into placements (tenant_id, environment, number, profile, cell, bus, segment)
        select $1, p.environment, coalesce((select max(number) from placements o
          where o.tenant_id = $1 and o.environment = p.environment), 0) + 1, $2, p.cell, p.bus, p.segment
        from jsonb_to_recordset($3::jsonb) as p (environment text, cell text, bus text, segment cidr)`,
      values: [tenant.id, tenant.profile, JSON.stringify(places)],
    })
  return places
}

/** Environments that live and that a manifest does not name. */
export async function dropped(sql: Sql, { id }: Pick<Living, 'id'>, { spec }: Named): Promise<string[]> {
  const names = new Set(spec.environments.map(({ name }) => name))
  return (await housed(sql, { id })).filter((environment) => !names.has(environment))
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
  const placements = (await releasePlaces(sql, tenant.id, free)).map(({ environment, number, epoch }) => ({
    environment,
    number,
    state: 'released',
    epoch,
  }))
  return [operationEvent(operation, 'system:worker', 'TENANCY_PLACEMENT_CHANGED', { placements })]
}
