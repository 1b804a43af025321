import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import { candidateCells, type PlacementState } from '../domain/placement.ts'
import type { CellDeclaration } from '../domain/platform.ts'
import { one, type Sql } from './sql.ts'

export type WantedPlace = {
  tenantCode: string
  region: string
  profile: string
  environment: string
  /** Nobody else may be there. */
  alone?: boolean
}
export type Shared = 'cells' | 'buses'
/** What may take tenants, and how many more. */
export type Room = Pick<CellDeclaration, 'name' | 'region' | 'profiles' | 'environments'> & {
  room: number
  /** Whether one tenant alone may be there, and whether one is. */
  readonly dedicated?: boolean | null
  readonly inUse?: boolean
}

/** What has room in a region, read without a lock: `takePlaces` finds out whether it still has; and ids for what is new. */
export async function roomIn(sql: Sql, region: string): Promise<{ id: string } & Record<Shared, Room[]>> {
  const room = (table: Shared) => `(select coalesce(jsonb_agg(jsonb_build_object('name', name, 'region', region,
      'profiles', declaration -> 'profiles', 'environments', declaration -> 'environments', 'room', capacity - used,
      'dedicated', declaration -> 'dedicated', 'inUse', used > 0)), '[]')
    from ${table} where region = $1 and state = 'open' and used < capacity) as ${table}`
  return one(
    sql<{ id: string } & Record<Shared, Room[]>>({
      name: 'room-in',
      text: `select uuidv7() as id, ${room('cells')}, ${room('buses')}`,
      values: [region],
    }),
  )
}

/**
 * The buses that a tenant may come to: one that is its own where its profile has such buses, else those that tenants share.
 * @param own buses that the tenant is on already
 */
export function busesFor(rows: readonly Room[], { alone, own }: { alone: boolean; own: readonly string[] }): Room[] {
  const fit = rows.filter(({ dedicated }) => (dedicated === true) === alone)
  if (!alone) return fit
  const mine = fit.filter(({ name, room }) => own.includes(name) && room > 0)
  return mine.length > 0 ? mine : fit.filter(({ inUse }) => inUse !== true)
}

/**
 * The best of what has room, by rendezvous hash; its room is one less then. Throws `cell_exhausted` or `bus_exhausted` when
 * there is none.
 */
export function choosePlace(table: Shared, rows: readonly Room[], wanted: WantedPlace): string {
  const open = rows
    .filter(({ room }) => room > 0)
    .map(({ environments, ...row }) => ({
      ...row,
      state: 'open' as const,
      // Absent from a declaration, null from the database.
      environments: environments ?? undefined,
    }))
  const [best] = candidateCells(open, wanted, weigh)
  const chosen = rows.find(({ name }) => name === best?.name)
  if (chosen !== undefined) {
    chosen.room -= 1
    return chosen.name
  }
  const { what, code } = table === 'cells' ? cell : bus
  if (wanted.alone)
    throw new FreeholdError(
      code,
      `no bus in region "${wanted.region}" is free for a tenant of profile "${wanted.profile}" alone, environment "${wanted.environment}"; add one with \`dedicated: true\` to the platform file`,
    )
  throw new FreeholdError(
    code,
    `no open ${what} in region "${wanted.region}" has room for profile "${wanted.profile}", environment "${wanted.environment}"; raise a capacity or add a ${what} to the platform file`,
  )
}

const cell = { what: 'cell', code: 'cell_exhausted' } as const
const bus = { what: 'bus', code: 'bus_exhausted' } as const

/**
 * Of a bus for one tenant: all that is taken there is this tenant's, which is locked. By the count, because that is read anew once
 * whoever took a place just now has committed.
 */
const nobodyElse = `t.declaration -> 'dedicated' is distinct from 'true'::jsonb or t.used + w.places = (
  select count(*) from placements p where p.bus = t.name and p.tenant_id = $3 and p.state <> 'released')`

/**
 * Takes places that were chosen, for placements that are entered already; the last thing of a transaction, because many tenants
 * want these rows. They are taken in the order of their names, so that two transactions follow each other instead of waiting in
 * a circle.
 * @returns whether all of them had room; when not, roll back and choose anew
 */
export async function takePlaces(
  sql: Sql,
  tenant: string,
  chosen: Readonly<Record<Shared, readonly string[]>>,
): Promise<boolean> {
  const wanted = (names: readonly string[]) =>
    [...Map.groupBy(names, (name) => name)].map(([name, all]) => ({ name, places: all.length }))
  const [cells, buses] = [wanted(chosen.cells), wanted(chosen.buses)]
  const { taken } = await one(
    sql<{ taken: number }>({
      name: 'take-places',
      text: `with ${take('cells', 1)}, ${take('buses', 2, nobodyElse)}
        select (select count(*) from taken_cells)::int + (select count(*) from taken_buses)::int as taken`,
      values: [JSON.stringify(cells), JSON.stringify(buses), tenant],
    }),
  )
  return taken === cells.length + buses.length
}

/** Common table expressions that take places of one table; `taken_<table>` has a row for each that had room. */
function take(table: Shared, parameter: number, condition = 'true'): string {
  return `wanted_${table} as (select * from jsonb_to_recordset($${parameter}::jsonb) as w (name text, places int)),
    locked_${table} as (
      select name from ${table} where name in (select name from wanted_${table}) order by name for no key update
    ), taken_${table} as (
      update ${table} t set used = used + w.places, updated_at = now() from wanted_${table} w, locked_${table} l
      where t.name = w.name and l.name = t.name and t.state = 'open' and t.used + w.places <= t.capacity
        and (${condition})
      returning t.name
    )`
}

type Standing = { state: PlacementState; epoch: number }
/** A placement that was released, and how it was before. */
export type Released = Standing & { environment: string; number: number; before: Standing }

/**
 * Releases placements of a tenant, and gives their places back.
 * @param environments all, unless they are named
 * @param number of the one placement; all, unless it is said
 */
export async function releasePlaces(
  sql: Sql,
  tenant: string,
  environments: readonly string[] | null = null,
  number: number | null = null,
): Promise<Released[]> {
  const released = await sql<Released & { cell: string; bus: string | null }>({
    name: 'release-placements',
    text: `update placements set state = 'released', updated_at = now()
      where tenant_id = $1 and state <> 'released' and ($2::text[] is null or environment = any ($2))
        and ($3::int is null or number = $3)
      returning environment, number, new.state, new.epoch::float8 as epoch, cell, bus,
        jsonb_build_object('state', old.state, 'epoch', old.epoch) as before`,
    values: [tenant, environments, number],
  })
  const give = async (table: Shared, names: readonly string[]) => {
    const given = [...Map.groupBy(names, (name) => name)].toSorted(([a], [b]) => (a < b ? -1 : 1))
    for (const [name, all] of given)
      await sql({
        text: `update ${table} set used = used - $2, updated_at = now() where name = $1`,
        values: [name, all.length],
      })
  }
  await give(
    'cells',
    released.map(({ cell: name }) => name),
  )
  await give(
    'buses',
    released.flatMap(({ bus: name }) => (name === null ? [] : [name])),
  )
  return released.map(({ cell: _cell, bus: _bus, ...placement }) => placement)
}
