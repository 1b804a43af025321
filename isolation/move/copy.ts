import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg, { type Client } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { untilAborted } from '../abort.ts'
import { together } from '../mappers/database/connections.ts'
import { copied, nameIn, textSettings } from '../mappers/database/tables.ts'
import type { TokenBucket } from './token-bucket.ts'

/** What the copy has to know of a table that has rows of its own; a partition is one, its parent is not. */
export type CopiedTable = {
  readonly name: string
  /** Those that are stored, in order. */
  readonly columns: readonly string[]
  /** Roughly; the largest goes first. */
  readonly bytes: number
  /** `text` where a type has no binary form, or one that means nothing in another database. */
  readonly format: 'binary' | 'text'
}

/** What was copied of one table, so far or in all: bytes as they passed. */
export type CopyProgress = { readonly table: string; readonly bytes: number; readonly rows: number }

export type CopyOptions = {
  readonly tables: readonly CopiedTable[]
  readonly schema: string
  /** The exported snapshot that all rows are of. */
  readonly snapshot: string
  /** Open a session of the mover each; the copy ends them. */
  readonly source: () => Promise<Client>
  readonly target: () => Promise<Client>
  /** Tables at a time; 2. */
  readonly streams?: number
  readonly bucket: TokenBucket
  /** Called at every piece, and once with the rows when a table is done. */
  readonly onProgress?: (progress: CopyProgress) => void
  readonly signal: AbortSignal
}

/** A copy that one of the two servers, or the way between them, has ended. */
export class CopyError extends Error {
  override readonly name = 'CopyError'
  readonly table: string
  readonly side: 'source' | 'target'
  /** SQLSTATE or code of the network, such as `53100` for a full disk; empty where there is none. */
  readonly code: string
  constructor(table: string, side: 'source' | 'target', error: unknown) {
    const said = error instanceof Error ? error.message : String(error)
    super(`table ${table} was not copied, the ${side} said: ${said}`)
    this.table = table
    this.side = side
    this.code = error instanceof Error && 'code' in error ? String(error.code) : ''
  }
}

type Side = CopyError['side']

/**
 * Copies the rows of tables from one snapshot, a table a transaction, in place of what the target has in them. The target's
 * ordinary triggers are asleep meanwhile; its checks are not, and find names as in replication: by the search path of the mover.
 * A table that a foreign key points to cannot be emptied: those are put aside before. Memory stays the same however large a table
 * is. Run again it gives the same.
 * Throws a `CopyError` for the first table that could not be copied (all other streams are then ended too), or the signal's reason.
 * @returns rows and bytes for each table
 */
export async function copyTables(options: CopyOptions): Promise<CopyProgress[]> {
  const queue = options.tables.toSorted((a, b) => b.bytes - a.bytes)
  const done: CopyProgress[] = []
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  async function stream(): Promise<void> {
    const sessions = await openSessions({ ...options, signal })
    try {
      for (let table = queue.shift(); table !== undefined; table = queue.shift())
        done.push(await copyTable(sessions, table, { ...options, signal }))
    } finally {
      // One that is still copying is cut off by this.
      for (const client of Object.values(sessions)) void client.end().catch(() => {})
    }
  }
  const streams = Math.min(options.streams ?? 2, queue.length)
  const running = Array.from({ length: streams }, () =>
    stream().catch((error: unknown) => {
      failed.abort(error)
      throw error
    }),
  )
  await Promise.allSettled(running)
  signal.throwIfAborted()
  return done
}

type Sessions = Record<Side, Client>

async function openSessions({ source, target, snapshot, signal }: CopyOptions): Promise<Sessions> {
  const opened: Client[] = []
  const open = async (side: Side, connect: () => Promise<Client>, ...statements: string[]) => {
    try {
      const client = await untilAborted(signal, connect())
      opened.push(client)
      await untilAborted(signal, together(client, ...statements))
      return client
    } catch (error) {
      signal.throwIfAborted()
      throw new CopyError('(none)', side, error)
    }
  }
  try {
    return {
      source: await open(
        'source',
        source,
        ...textSettings,
        'begin isolation level repeatable read read only',
        `set transaction snapshot ${pg.escapeLiteral(snapshot)}`,
      ),
      target: await open('target', target, ...textSettings, 'set session_replication_role = replica'),
    }
  } catch (error) {
    for (const client of opened) void client.end().catch(() => {})
    throw error
  }
}

/**
 * FREEZE spares the target the second writing of every page. PostgreSQL takes it for every table that has rows of its own and was
 * emptied in the same transaction.
 */
async function copyTable(
  { source, target }: Sessions,
  table: CopiedTable,
  { schema, bucket, onProgress, signal }: CopyOptions,
): Promise<CopyProgress> {
  const { name, format } = table
  let bytes = 0
  const gate = new Transform({
    transform(chunk: Buffer, _, pass) {
      bytes += chunk.length
      onProgress?.({ table: name, bytes, rows: 0 })
      bucket.take(chunk.length, signal).then(
        () => pass(null, chunk),
        (error: Error) => pass(error),
      )
    },
  })
  let first: CopyError | undefined
  const failed = (side: Side) => (error: unknown) => (first ??= new CopyError(name, side, error))
  const begin = together(target, 'begin', `truncate only ${nameIn(schema, name)}`).catch(failed('target'))
  await untilAborted(signal, begin)
  if (first !== undefined) throw first
  const where = copied(schema, table)
  const reading = source.query(copyTo(`copy ${where} to stdout (format ${format})`)).on('error', failed('source'))
  const writing = target
    .query(copyFrom(`copy ${where} from stdin (format ${format}, freeze)`))
    .on('error', failed('target'))
  try {
    await untilAborted(signal, pipeline(reading, gate, writing))
    if (reading.rowCount !== writing.rowCount)
      throw new CopyError(name, 'target', new Error(`${writing.rowCount} of ${reading.rowCount} rows arrived`))
    await untilAborted(signal, target.query('commit').catch(failed('target')))
  } catch (error) {
    signal.throwIfAborted()
    throw first ?? error
  }
  if (first !== undefined) throw first
  const done = { table: name, bytes, rows: writing.rowCount }
  onProgress?.(done)
  return done
}
