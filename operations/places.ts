import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import { choosePlace, takePlaces, type Room, type Shared } from '../registry/capacity.ts'
import { freeSegment } from '../registry/segments.ts'
import type { Sql } from '../registry/sql.ts'

/** Where a new environment is going to live. */
export type Place = { environment: string; cell: string; bus: string | null; segment: string | null }

/** For whom places are chosen. */
export type Housed = {
  readonly code: string
  readonly profile: string
  readonly region: string
  readonly environments: readonly string[]
}

/** Others took the room that was chosen; the transaction is to be rolled back and begun again. */
export class RoomTaken extends FreeholdError {
  constructor() {
    super('cell_exhausted', 'the room that was chosen was taken by others meanwhile; send the manifest again')
  }
}

/** Chooses a place for each environment; takes none yet. Throws `cell_exhausted`, `bus_exhausted` and `network_exhausted`. */
export async function choosePlaces(
  sql: Sql,
  platform: Pick<Platform, 'regions' | 'buses'>,
  { code, profile, region, environments }: Housed,
  { cells, buses }: Record<Shared, Room[]>,
): Promise<Place[]> {
  const pool = platform.regions.find(({ name }) => name === region)?.network
  const places: Place[] = []
  for (const environment of environments.toSorted()) {
    const wanted = { tenantCode: code, region, profile, environment }
    const cell = choosePlace('cells', cells, wanted)
    const bus = platform.buses.length === 0 ? null : choosePlace('buses', buses, wanted)
    const but = places.flatMap(({ segment }) => (segment === null ? [] : [segment]))
    const segment =
      pool === undefined ? null : await freeSegment(sql, { region, pool, seed: `${code}/${environment}`, but })
    places.push({ environment, cell, bus, segment })
  }
  return places
}

/** Takes what was chosen; the last thing of a transaction. Throws `RoomTaken` when others were faster. */
export async function takeChosen(sql: Sql, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return
  const cells = places.map(({ cell }) => cell)
  const buses = places.flatMap(({ bus }) => (bus === null ? [] : [bus]))
  if (!(await takePlaces(sql, { cells, buses }))) throw new RoomTaken()
}
