import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import { candidateCells } from '../domain/placement.ts'
import { Bus, Cell, type BusRow, type CellRow, type PlacementRow } from './entities/placement.ts'
import type { EntityManager } from './orm.ts'

type Wanted = { tenantCode: string; region: string; profile: string; environment: string }

/** Takes one place in the best open cell with room, by rendezvous hash. Throws `cell_exhausted` when there is none. */
export async function takeCell(em: EntityManager, wanted: Wanted): Promise<string> {
  return take(em, 'cells', await em.find(Cell, {}), wanted)
}

/** Takes one place on the best open bus with room, as `takeCell` does. */
export async function takeBus(em: EntityManager, wanted: Wanted): Promise<string> {
  return take(em, 'buses', await em.find(Bus, {}), wanted)
}

async function take(
  em: EntityManager,
  table: 'cells' | 'buses',
  rows: readonly Pick<CellRow | BusRow, 'state' | 'declaration'>[],
  wanted: Wanted,
): Promise<string> {
  const candidates = rows.map((row) => ({ ...row.declaration, state: row.state }))
  for (const { name } of candidateCells(candidates, wanted, weigh)) {
    const [taken] = await em.execute<object[]>(
      `update ${table} set used = used + 1, updated_at = now() where name = ? and state = 'open' and used < capacity returning name`,
      [name],
    )
    if (taken !== undefined) return name
  }
  const { what, code } = table === 'cells' ? cell : bus
  throw new FreeholdError(
    code,
    `no open ${what} in region "${wanted.region}" has room for profile "${wanted.profile}", environment "${wanted.environment}"; raise a capacity or add a ${what} to the platform file`,
  )
}

const cell = { what: 'cell', code: 'cell_exhausted' } as const
const bus = { what: 'bus', code: 'bus_exhausted' } as const

/**
 * Locks the open cells and buses of a region, in the order of their names, for a command that takes places in several of
 * them: two such commands follow each other instead of waiting in a circle.
 */
export async function lockCapacity(em: EntityManager, region: string): Promise<void> {
  for (const table of ['cells', 'buses'])
    await em.execute(`select name from ${table} where region = ? and state = 'open' order by name for update`, [region])
}

/** Gives back the places a placement had. */
export async function releaseCapacity(em: EntityManager, placement: Pick<PlacementRow, 'cell' | 'bus'>): Promise<void> {
  await em.execute('update cells set used = used - 1, updated_at = now() where name = ?', [placement.cell])
  if (placement.bus)
    await em.execute('update buses set used = used - 1, updated_at = now() where name = ?', [placement.bus])
}
