import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { FreeholdError } from '../../domain/errors.ts'
import { hasMarker, writeMarker, type Stream } from './capture.ts'
import type { Move, MoverClient } from './end.ts'
import { subscription, type Subscription } from './subscription.ts'

/** Errors in a row after which it is not the network: that is one error for each connection that breaks. */
const mostErrors = 2

/** Throws `move_stream_broken` unless a stream goes on, left nothing out, and has as many tables as there are. */
export async function requireSound({ name, to }: Stream, tables: number, client: MoverClient): Promise<Subscription> {
  const found = await subscription(client, name)
  if (found?.enabled === true && found.conflicts === 0 && found.tables === tables) return found
  const what =
    found === undefined
      ? 'is gone'
      : found.enabled
        ? `has ${found.conflicts} conflicts and ${found.tables} of ${tables} tables`
        : 'was stopped'
  throw broken(to.names.schema, what)
}

/** An administrator can drop a slot, and a server that runs out of room gives one up. The stream asks for it again for ever. */
async function requireSlot({ name, to }: Stream, from: pg.ClientBase): Promise<void> {
  const { rowCount } = await from.query(
    `select from pg_catalog.pg_replication_slots where slot_name = $1 and wal_status is distinct from 'lost'`,
    [name],
  )
  if (rowCount === 0) throw broken(to.names.schema, 'has lost its slot')
}

/**
 * Waits until a marker has come through a stream, and with it everything before it. Throws `move_stream_broken` when the stream is
 * not sound, or something cannot be applied.
 */
export async function awaitSound(
  move: Move,
  stream: Stream,
  {
    from,
    to,
    tables,
    marker,
    signal,
  }: {
    from: pg.ClientBase
    to: MoverClient
    tables: number
    marker: string
    signal: AbortSignal
  },
): Promise<void> {
  const before = await requireSound(stream, tables, to)
  await writeMarker(from, move, marker)
  while (!(await hasMarker(to, move, marker))) {
    await requireSlot(stream, from)
    const { errors } = await requireSound(stream, tables, to)
    if (errors - before.errors >= mostErrors)
      throw broken(stream.to.names.schema, 'has something that cannot be applied')
    await sleep(100, undefined, { signal })
  }
  await requireSound(stream, tables, to)
}

function broken(schema: string, what: string): FreeholdError {
  return new FreeholdError(
    'move_stream_broken',
    `the stream of changes into ${schema} ${what}; the copy is begun anew. The log of that server says more`,
  )
}
