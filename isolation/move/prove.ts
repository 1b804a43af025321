import pg from 'pg'
import { FreeholdError } from '../../domain/errors.ts'
import type { ProofFacts } from '../../domain/relocation.ts'
import { together } from '../mappers/database/connections.ts'
import { nameIn } from '../mappers/database/tables.ts'
import { awaitMarker, writeMarker } from './capture.ts'
import { selfHealing } from './cut.ts'
import type { EndName } from './cutover.ts'
import { connectMover, withMover, type Move, type MoveEnd, type MoverClient } from './end.ts'
import { compareHashes, hashTables } from './hash.ts'
import { inspectSchema } from './inspect.ts'
import { exportSnapshot } from './snapshot.ts'
import { listed } from './same-structure.ts'

/** Exported snapshots of both sides at one moment between two writes. */
export type SnapshotPair = { readonly source: string; readonly target: string }

export type ProveOptions = {
  readonly fence: number
  /** Of the cut, as long as the worker that made it holds them; without, a new pair is taken. */
  readonly pair?: SnapshotPair | undefined
  readonly serving: EndName
  readonly onProgress: (done: { readonly table: string; readonly all: number; readonly count: number }) => void
  readonly signal: AbortSignal
}

/**
 * Hashes every table in full on both sides, as they were at the exact cut, while the tenant goes on to write. Throws `move_differs`
 * with the tables that are not the same.
 */
export async function prove(move: Move, options: ProveOptions): Promise<ProofFacts> {
  const { pair } = options
  if (pair !== undefined) {
    try {
      return await compareAt(move, pair, 'at-the-cut', options)
    } catch (error) {
      // Whoever held them is gone.
      if (!isGone(error)) throw error
    }
  }
  const taken = await takePair(move, options)
  try {
    return await compareAt(move, taken.pair, 'later', options)
  } finally {
    for (const holder of taken.holders) void holder.end().catch(() => {})
  }
}

const isGone = (error: unknown) =>
  error instanceof pg.DatabaseError && (error.code === '22023' || error.code === '42704')

async function compareAt(
  move: Move,
  pair: SnapshotPair,
  taken: ProofFacts['taken'],
  { signal, onProgress }: ProveOptions,
): Promise<ProofFacts> {
  const began = performance.now()
  const at = <T>(end: MoveEnd, snapshot: string, work: (client: MoverClient) => Promise<T>) =>
    withMover(end, { signal }, async (client) => {
      await together(
        client,
        'begin isolation level repeatable read read only',
        `set transaction snapshot ${pg.escapeLiteral(snapshot)}`,
      )
      return work(client)
    })
  const { source, target } = move
  return at(source, pair.source, (one) =>
    at(target, pair.target, async (other) => {
      const { tables } = await inspectSchema(one, source.names.schema)
      const [lsnOfSource, lsnOfTarget] = await Promise.all([lsnOf(one), lsnOf(other)])
      let count = 0
      const [left, right] = await Promise.all([
        hashTables(one, source.names.schema, tables, signal),
        hashTables(other, target.names.schema, tables, signal, ({ name }) => {
          count += 1
          onProgress({ table: name, all: tables.length, count })
        }),
      ])
      const found = compareHashes(left, right)
      if (found.length > 0)
        throw new FreeholdError('move_differs', `the two sides are not equal at the cut: ${listed(found)}`, {
          details: found.map(({ object, message }) => ({ path: object, message })),
        })
      const ms = performance.now() - began
      return { tables: left, lsn: { source: lsnOfSource, target: lsnOfTarget }, taken, ms }
    }),
  )
}

async function lsnOf(client: MoverClient): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>('select pg_catalog.pg_current_wal_lsn()::text as lsn')
  return rows[0]?.lsn ?? ''
}

/**
 * A new pair of snapshots: a short fence on the side that serves, and a marker that must have arrived on the other. Writers wait for
 * its length; it is needed only where the worker that made the cut is gone.
 */
async function takePair(
  move: Move,
  { fence, serving, signal }: ProveOptions,
): Promise<{ pair: SnapshotPair; holders: MoverClient[] }> {
  const [from, to] = serving === 'source' ? [move.source, move.target] : [move.target, move.source]
  const holders: MoverClient[] = []
  const hold = async (end: MoveEnd) => {
    const client = await connectMover(end, { signal })
    holders.push(client)
    return client
  }
  try {
    const [one, other] = [await hold(from), await hold(to)]
    const marker = `pair/${fence}`
    return await withMover(from, { signal }, (fencing) =>
      withMover(from, { signal }, async (writing) => {
        const { tables } = await inspectSchema(fencing, from.names.schema)
        const names = tables.map(({ name }) => nameIn(from.names.schema, name))
        await together(
          fencing,
          'begin',
          ...selfHealing,
          names.length === 0 ? 'select' : `lock table ${names.join(', ')} in share mode`,
        )
        await writeMarker(writing, move, marker)
        await awaitMarker(other, move, marker, signal)
        const [here, there] = await Promise.all([exportSnapshot(one), exportSnapshot(other)])
        await fencing.query('commit')
        const pair = serving === 'source' ? { source: here, target: there } : { source: there, target: here }
        return { pair, holders }
      }),
    )
  } catch (error) {
    for (const holder of holders) void holder.end().catch(() => {})
    throw error
  }
}
