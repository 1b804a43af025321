import { quoteIdentifier } from '../../domain/names.ts'
import { dropStream, namesOf, streamsOf } from './capture.ts'
import { withMover, type Move, type MoveEnd } from './end.ts'
import { revokeMover } from './rights.ts'

/**
 * Removes what a move has made, on both servers: subscriptions, slots, publications, the mover's schemas and its right to act for the
 * tenant. Doing so twice is doing so once. Only once the side that does not serve is closed to its roles, because what refuses
 * writes there goes as well.
 */
export async function cleanMove(move: Move, signal: AbortSignal): Promise<void> {
  const { forward, reverse } = streamsOf(move)
  await dropStream(forward, signal)
  await dropStream(reverse, signal)
  for (const end of [move.source, move.target]) {
    await cleanEnd(move, end, signal)
    await revokeMover(end, signal)
  }
}

/** With the triggers that stand on it. */
async function cleanEnd(move: Move, end: MoveEnd, signal: AbortSignal): Promise<void> {
  const schema = quoteIdentifier(namesOf(move).schema)
  await withMover(end, { signal }, (client) => client.query(`drop schema if exists ${schema} cascade`))
}
