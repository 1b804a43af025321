import pg from 'pg'
import { FreeholdError } from '../../domain/errors.ts'
import type { SideState } from '../mappers/database/placement.ts'
import type { Move, MoveEnd } from './end.ts'

/** A row of `tenancy.placement`: what may write, by the database's own word. */
export type Side = { readonly state: SideState; readonly epoch: number; readonly marker: string | null }

/** SQL that finds the row of one end. */
export function rowOf({ tenantId, environment }: Move, { number }: MoveEnd): string {
  const key = [tenantId, environment, String(number)].map((value) => pg.escapeLiteral(value)).join(', ')
  return `(tenant, environment, number) = (${key})`
}

const columns = 'state, epoch::float8 as epoch, marker'

/**
 * Takes an end for this try: from here on no earlier one can close it. Waits for a fence that is up, or a commit that is under way, and
 * that is what makes its answer final. The row's fence takes the place of the permit in relocation.md: each try has one of its
 * own, and they only rise. Throws `operation_superseded` when a later try was here.
 */
export async function takeSide(client: pg.ClientBase, move: Move, end: MoveEnd, fence: number): Promise<Side> {
  const { rows } = await client.query<Side>(
    `update tenancy.placement set fence = ${fence}, updated_at = now() where ${rowOf(move, end)} and fence <= ${fence}
      returning ${columns}`,
  )
  const [side] = rows
  if (side !== undefined) return side
  throw new FreeholdError(
    'operation_superseded',
    `a later try works on the cut of placement ${end.number}; nothing was done`,
  )
}

/** The row as it is just now. */
export async function readSide(client: pg.ClientBase, move: Move, end: MoveEnd): Promise<Side | undefined> {
  const { rows } = await client.query<Side>(`select ${columns} from tenancy.placement where ${rowOf(move, end)}`)
  return rows[0]
}
