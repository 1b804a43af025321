import type { Target } from '../mapper.ts'
import { ownDatabaseOf } from '../mappers/database/own-database.ts'
import { withMover, withProvisioner, type Move, type MoveEnd } from './end.ts'
import { readSide, rowOf } from './side.ts'

/**
 * Copies what the database of a tenant's own says of its side into the row that outlives it, in the database of its cell: what
 * claims there later must find the same. There is nothing to do for a schema in the shared one.
 */
export async function mirrorSide(move: Move, target: Target<'database'>, end: MoveEnd, fence: number): Promise<void> {
  if (ownDatabaseOf(target) === undefined) return
  const side = await withMover(end, target, (client) => readSide(client, move, end))
  if (side === undefined) return
  const home = { ...end, provisionerUrl: target.cell.provisionerUrl }
  await withProvisioner(home, target.signal, (client) =>
    client.query(
      `update tenancy.placement set state = $1, epoch = $2, updated_at = now()
        where ${rowOf(move, end)} and epoch <= $2 and fence <= $3 and state <> 'retired'`,
      [side.state, side.epoch, fence],
    ),
  )
}
