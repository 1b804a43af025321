import { FreeholdError } from '../domain/errors.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { OwnServer } from '../domain/placement.ts'
import type { Platform } from '../domain/platform.ts'
import { busesFor, choosePlace, takePlaces, type Room, type Shared } from '../registry/capacity.ts'
import { serverOf } from '../registry/platform-secrets.ts'
import { freeSegment } from '../registry/segments.ts'
import type { Sql } from '../registry/sql.ts'

/** Where a new environment is going to live. */
export type Place = {
  environment: string
  cell: string
  bus: string | null
  segment: string | null
  server: OwnServer | null
}

/** For whom places are chosen. */
export type Housed = {
  readonly code: string
  readonly profile: string
  readonly region: string
  readonly environments: ResolvedManifest['spec']['environments']
  /** Those that have a place already. */
  readonly lives?: ReadonlySet<string>
  /** Buses that it is on already. */
  readonly buses?: readonly string[]
}

/** Others took the room that was chosen; the transaction is to be rolled back and begun again. */
export class RoomTaken extends FreeholdError {
  constructor() {
    super('cell_exhausted', 'the room that was chosen was taken by others meanwhile; send the manifest again')
  }
}

/**
 * Chooses a place for each environment; takes none yet. Throws `cell_exhausted`, `bus_exhausted` and `network_exhausted`, and what
 * `serverOf` throws for a server of the tenant's own.
 */
export async function choosePlaces(
  sql: Sql,
  platform: Pick<Platform, 'regions' | 'buses'>,
  { code, profile, region, environments, lives, ...housed }: Housed,
  { cells, buses }: Record<Shared, Room[]>,
): Promise<Place[]> {
  const pool = platform.regions.find(({ name }) => name === region)?.network
  const alone = platform.buses.some((bus) => bus.dedicated && bus.region === region && bus.profiles.includes(profile))
  const own = [...(housed.buses ?? [])]
  const places: Place[] = []
  const byName = environments
    .map((one, at) => ({ ...one, at }))
    .filter(({ name }) => lives?.has(name) !== true)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  for (const { name: environment, database, at } of byName) {
    const wanted = { tenantCode: code, region, profile, environment }
    const cell = choosePlace('cells', cells, wanted)
    const bus =
      platform.buses.length === 0 ? null : choosePlace('buses', busesFor(buses, { alone, own }), { ...wanted, alone })
    if (bus !== null) own.push(bus)
    const but = places.flatMap(({ segment }) => (segment === null ? [] : [segment]))
    const segment =
      pool === undefined ? null : await freeSegment(sql, { region, pool, seed: `${code}/${environment}`, but })
    const path = `spec.environments.${at}.database.secretRef`
    const server = database === undefined ? null : await serverOf(sql, database.secretRef, path)
    places.push({ environment, cell, bus, segment, server })
  }
  return places
}

/** Takes what was chosen; the last thing of a transaction. Throws `RoomTaken` when others were faster. */
export async function takeChosen(sql: Sql, tenant: string, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return
  const cells = places.map(({ cell }) => cell)
  const buses = places.flatMap(({ bus }) => (bus === null ? [] : [bus]))
  if (!(await takePlaces(sql, tenant, { cells, buses }))) throw new RoomTaken()
}
