import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import { candidateCells } from '../domain/placement.ts'
import { cellsByName } from './cells.ts'
import type { EntityManager } from './orm.ts'

/**
 * Takes one place in the best open cell with room, by rendezvous hash. Throws `cell_exhausted` when there is none.
 */
export async function takeCell(
  em: EntityManager,
  wanted: { tenantCode: string; region: string; profile: string; environment: string },
): Promise<string> {
  const rows = [...(await cellsByName(em)).values()]
  const cells = rows.map((row) => ({ ...row.declaration, state: row.state }))
  for (const { name } of candidateCells(cells, wanted, weigh)) {
    const [taken] = await em.execute<object[]>(
      `update cells set used = used + 1, updated_at = now() where name = ? and state = 'open' and used < capacity returning name`,
      [name],
    )
    if (taken !== undefined) return name
  }
  throw new FreeholdError(
    'cell_exhausted',
    `no open cell in region "${wanted.region}" has room for profile "${wanted.profile}", environment "${wanted.environment}"; raise a capacity or add a cell to the platform file`,
  )
}

/**
 * Locks the open cells of a region, in the order of their names, for a command that takes places in several of them: two
 * such commands follow each other instead of waiting in a circle.
 */
export async function lockOpenCells(em: EntityManager, region: string): Promise<void> {
  await em.execute(`select name from cells where region = ? and state = 'open' order by name for update`, [region])
}

/** Gives back the place a placement had. */
export async function releaseCell(em: EntityManager, name: string): Promise<void> {
  await em.execute('update cells set used = used - 1, updated_at = now() where name = ?', [name])
}
