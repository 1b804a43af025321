import pg from 'pg'
import type { ResourceProperties } from '../../domain/resources.ts'
import { untilAborted } from '../abort.ts'
import { GuardedClient } from '../mappers/database/guarded-client.ts'

/** One end of a move: a schema in a database, reached by the mover and the provisioner of its server. */
export type MoveEnd = {
  /** Number of the placement. */
  readonly number: number
  readonly names: Pick<ResourceProperties<'database'>, 'schema' | 'ownerRole' | 'appRole'>
  /** Connection URL of the mover, database included. */
  readonly moverUrl: string
  /** Connection URL of the provisioner in the same database. */
  readonly provisionerUrl: string
  /** The database is the tenant's alone: whoever else is in it as the mover is there for the same move. */
  readonly isOwn?: true
}

/** What is moved, between which ends. Replication goes both ways; `source` is where the tenant lived when it began. */
export type Move = {
  /** Of the relocation; 32 hexadecimal digits, as they stand in the names of what the move makes. */
  readonly id: string
  readonly tenantId: string
  readonly environment: string
  readonly source: MoveEnd
  readonly target: MoveEnd
}

/**
 * What every session of the mover is set to. With a tenant's schema in the search path, names would come out unqualified; rows
 * that a policy hides would be left out without a word; and what is not flushed is not sent: a marker would wait for the next
 * flush of the server.
 */
const settings = {
  search_path: 'pg_catalog',
  row_security: 'off',
  statement_timeout: '0',
  lock_timeout: '15s',
  synchronous_commit: 'on',
}

export type MoverClient = pg.Client & { readonly processID: number }

/** How one session of the mover differs from others. */
export type MoverOptions = {
  readonly signal: AbortSignal
  /** A connection for replication commands. */
  readonly replication?: boolean
  /** More settings of the session. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Opens a session of the mover. The caller ends it. */
export async function connectMover(end: MoveEnd, options: MoverOptions): Promise<MoverClient> {
  const all = { ...settings, ...options.settings }
  const client = new GuardedClient({
    connectionString: end.moverUrl,
    application_name: 'freehold-move',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    options: Object.entries(all)
      .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', String.raw`\ `)}`)
      .join(' '),
    ...(options.replication === true ? { replication: 'database' } : {}),
  }) as MoverClient
  client.on('error', () => {})
  try {
    await untilAborted(options.signal, client.connect())
    return client
  } catch (error) {
    void client.end().catch(() => {})
    throw error
  }
}

/** Does `work` with a session of the mover that ends with it; the signal cuts it off. */
export async function withMover<T>(
  end: MoveEnd,
  options: MoverOptions,
  work: (client: MoverClient) => Promise<T>,
): Promise<T> {
  const client = await connectMover(end, options)
  try {
    return await untilAborted(options.signal, work(client))
  } finally {
    // What is under way at the server ends with its connection, or at the latest with its own time limit.
    void client.end().catch(() => {})
  }
}

/** Does `work` with a session of the provisioner, for what the mover may not do. */
export async function withProvisioner<T>(
  end: MoveEnd,
  signal: AbortSignal,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new GuardedClient({
    connectionString: end.provisionerUrl,
    application_name: 'freehold',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 15_000,
    lock_timeout: 5_000,
    keepAlive: true,
  })
  client.on('error', () => {})
  try {
    await untilAborted(signal, client.connect())
    return await untilAborted(signal, work(client))
  } finally {
    void client.end().catch(() => {})
  }
}
