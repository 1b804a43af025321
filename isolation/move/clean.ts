import { setTimeout as sleep } from 'node:timers/promises'
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

/** How long everybody else may wait for us while we wait for who reads a table. */
const lockWait = '100ms'

/** The triggers first, one at a time: each waits for who reads its table, and everybody else waits for it. */
async function cleanEnd(move: Move, end: MoveEnd, signal: AbortSignal): Promise<void> {
  const schema = namesOf(move).schema
  await withMover(end, { signal, settings: { lock_timeout: lockWait } }, async (client) => {
    const { rows } = await client.query<{ drop: string }>(
      `select pg_catalog.format('drop trigger if exists %I on %s', t.tgname, t.tgrelid::pg_catalog.regclass) as drop
        from pg_catalog.pg_trigger t join pg_catalog.pg_proc f on f.oid = t.tgfoid
        join pg_catalog.pg_namespace n on n.oid = f.pronamespace join pg_catalog.pg_class c on c.oid = t.tgrelid
        where n.nspname = $1 and pg_catalog.pg_has_role(c.relowner, 'USAGE')`,
      [schema],
    )
    for (const { drop } of rows) await patiently(signal, () => client.query(drop))
    await patiently(signal, () => client.query(`drop schema if exists ${quoteIdentifier(schema)} cascade`))
  })
}

/** Tries until nobody is in the way. */
async function patiently(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      if (!(error instanceof pg.DatabaseError && error.code === '55P03')) throw error
    }
    await sleep(500, undefined, { signal })
  }
}
