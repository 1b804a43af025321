import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import type { RelocationOptions } from '../domain/relocation.ts'
import type { NewEvent } from '../domain/events.ts'
import { releasePlaces, roomIn } from '../registry/capacity.ts'
import { placementsOf, type SitedPlacement } from '../registry/placements.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { enterRelocation } from '../registry/relocations.ts'
import { databasePasswordSecret } from '../domain/names.ts'
import { currentPlacement } from '../domain/placement.ts'
import type { Sql } from '../registry/sql.ts'
import { placementEvents } from './doors.ts'
import { choosePlaces, takeChosen } from './places.ts'
import type { LockedOperation, TenantFacts } from './rows.ts'

/** What a relocation is commanded with. */
export type Destination = { readonly environment: string; readonly options: RelocationOptions }

/**
 * Where an environment lives, once it is known that it can go where it is wanted. Throws `environment_not_found`,
 * `placement_unchanged`, and `not_available` for a move that only other profiles could make.
 */
export async function departure(
  sql: Sql,
  platform: Platform,
  tenant: Pick<TenantFacts, 'id' | 'slug' | 'plan'>,
  { environment, options }: Destination,
): Promise<SitedPlacement> {
  const placements = await placementsOf(sql, platform, tenant)
  const source = currentPlacement(placements, environment)
  if (source === undefined)
    throw new FreeholdError(
      'environment_not_found',
      `tenant ${tenant.slug} has no environment "${environment.slice(0, 64)}"`,
    )
  if (options.profile === source.profile && (options.cell === undefined || options.cell === source.cell))
    throw new FreeholdError(
      'placement_unchanged',
      `${environment} of ${tenant.slug} has profile "${source.profile}" in cell "${source.cell}" already; name another profile or cell`,
    )
  const own = [options.profile, source.profile].find((profile) => profile === 'st-byoc')
  if (own !== undefined || (source.server ?? null) !== null)
    throw new FreeholdError(
      'not_available',
      `this release moves between servers of the platform; a tenant's own server (st-byoc) is not one of them`,
    )
  return source
}

/**
 * Enters the new placement, closed, with the relocation, and takes its room, which is the last thing of the transaction. The
 * bus stays: a topic does not move. Throws what `departure` and `choosePlaces` throw.
 */
export async function enterTarget(
  sql: Sql,
  platform: Platform,
  { operation, tenant }: LockedOperation,
  destination: Destination,
): Promise<RelocationRow> {
  const { environment, options } = destination
  const source = await departure(sql, platform, tenant, destination)
  const { cells, buses } = await roomIn(sql, tenant.region)
  const allowed = cells.filter(({ name }) =>
    options.cell === undefined ? options.profile !== source.profile || name !== source.cell : name === options.cell,
  )
  const [place] = await choosePlaces(
    sql,
    { ...platform, buses: [] },
    { ...tenant, profile: options.profile, environments: [{ name: environment }] },
    { cells: allowed, buses },
  )
  if (place === undefined) throw new Error('no place was chosen, and no error told why')
  const [{ number } = { number: 0 }] = await sql<{ number: number }>({
    name: 'enter-target',
    text: `insert into placements (tenant_id, environment, number, profile, own_store, cell, bus, segment, epoch)
      select $1, $2, max(number) + 1, $3, true, $4, $5, $6::cidr, $7 from placements where tenant_id = $1 and environment = $2
      returning number`,
    values: [tenant.id, environment, options.profile, place.cell, source.bus ?? null, place.segment, source.epoch],
  })
  const row = await enterRelocation(sql, {
    id: operation.id,
    tenant: tenant.id,
    environment,
    source: source.number,
    target: number,
    options,
  })
  await takeChosen(sql, tenant.id, [{ ...place, bus: source.bus ?? null }])
  return row
}

/** Releases one placement with the password of its role, and gives its room back, which is the last thing of the transaction. */
export async function releasePlacement(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  place: { environment: string; number: number },
): Promise<NewEvent[]> {
  await sql({
    name: 'forget-password',
    text: 'delete from secrets where tenant_id = $1 and name = $2',
    values: [tenant.id, databasePasswordSecret(tenant.code, place.environment, place.number)],
  })
  return placementEvents(operation, await releasePlaces(sql, tenant.id, [place.environment], place.number))
}
