import pg from 'pg'
import { FreeholdError } from '../../domain/errors.ts'
import { quoteIdentifier } from '../../domain/names.ts'
import { dropPublished, dropSubscription, namesOf, streamsOf } from './capture.ts'
import { withMover, type Move, type MoveEnd } from './end.ts'
import { lendPassword, revokeMover } from './rights.ts'

/**
 * Removes what a move has made, on both servers: subscriptions, slots, publications, the mover's schemas and its right to act for the
 * tenant. Doing so twice is doing so once. An end that was never made, or is gone, has nothing. Only once the side that does not
 * serve is closed to its roles, because what refuses writes there goes as well.
 */
export async function cleanMove(move: Move, signal: AbortSignal): Promise<void> {
  const { forward, reverse } = streamsOf(move)
  const there: MoveEnd[] = []
  for (const end of [move.source, move.target]) if (await isThere(end, signal)) there.push(end)
  for (const stream of [forward, reverse]) {
    if (there.includes(stream.to)) await dropSubscription(stream, signal)
    if (there.includes(stream.from)) await dropPublished(stream, signal)
  }
  for (const end of there) {
    await cleanEnd(move, end, signal)
    await revokeMover(end, signal)
  }
}

/** Whether the mover can come in. Throws for a server that does not answer: it is not known then what is there. */
export async function isThere(end: MoveEnd, signal: AbortSignal): Promise<boolean> {
  try {
    await lendPassword(end, signal)
    return true
  } catch (error) {
    const isNoDatabase = error instanceof pg.DatabaseError && error.code === '3D000'
    const isNoMover = error instanceof FreeholdError && error.code === 'mover_missing'
    if (isNoDatabase || isNoMover) return false
    throw error
  }
}

/** With the triggers that stand on it. */
async function cleanEnd(move: Move, end: MoveEnd, signal: AbortSignal): Promise<void> {
  const schema = quoteIdentifier(namesOf(move).schema)
  await withMover(end, { signal }, (client) => client.query(`drop schema if exists ${schema} cascade`))
}
