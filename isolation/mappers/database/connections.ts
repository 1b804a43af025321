import type { BlockList, Socket } from 'node:net'
import pg, { type ClientBase, type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { untilAborted } from '../../abort.ts'
import type { CellAccess } from '../../mapper.ts'
import { translated } from './errors.ts'
import { GuardedClient } from './guarded-client.ts'
import { guardedSocket } from './guarded-socket.ts'

/** Limits of the provisioner's work in a cell's database. */
export type ConnectionOptions = {
  /** One connect, or the wait for a connection of the pool; 5,000. */
  readonly connectTimeoutMs?: number
  /** 15,000; a tenant's own statements may take longer, and wait for a lock no longer either. */
  readonly statementTimeoutMs?: number
  /** How many at a time to one cell: as many as there are users at a time, so that none waits; 20. */
  readonly connections?: number
  /** Networks in which no server of a tenant's own may be; none. */
  readonly denied?: BlockList | undefined
}

/** For whom a connection is used, and until when. */
export type Caller = { readonly cell: CellAccess; readonly signal: AbortSignal }

/** Which statements end a transaction, and which follow its commit at once; and what the work gives. */
export type Ending<T> = { readonly last: readonly string[]; readonly after?: readonly string[]; readonly result: T }

type Pooled = { readonly pool: pg.Pool; users: number }

const maxPools = 32
/** How much longer than the server's own timeout we wait for an answer, before the network is taken for dead. */
const answerGraceMs = 5_000
/** How long one who was aborted waits for the server to have ended what it was doing. */
const endingMs = 500

const opening = [
  'begin',
  'set local search_path = pg_catalog',
  // A role that is made gives its maker the right to become it, which ownership needs. Not to inherit from it: PostgreSQL
  // then walks through all roles of all tenants at each check of a right.
  `set local createrole_self_grant = 'set'`,
]

/** `pg` settings for one cell. Throws `configuration_invalid` for a URL that is none, without showing it. */
function clientConfig(cell: CellAccess, options: ConnectionOptions): pg.ClientConfig {
  if (!URL.canParse(cell.provisionerUrl))
    throw new FreeholdError('configuration_invalid', `the credential of cell "${cell.name}" is not a connection URL`)
  const statementTimeout = options.statementTimeoutMs ?? 15_000
  return {
    connectionString: cell.provisionerUrl,
    application_name: 'freehold',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeout,
    // Also where a statement may take hours: who waits for a lock holds up all who come behind, and comes again.
    lock_timeout: statementTimeout,
    query_timeout: statementTimeout + answerGraceMs,
    keepAlive: true,
    ...(options.denied === undefined || cell.secret === undefined ? {} : { stream: outside(options.denied, cell) }),
  }
}

/** Sockets for a server that a tenant has named, which must not be one of the platform's own. */
function outside(denied: BlockList, { secret, database: { host } }: CellAccess): () => Socket {
  const message = `secret "${secret}" names a server (${host}) in a network that no server of a tenant may be in; put another URL, or change FREEHOLD_OWN_SERVERS_DENY`
  return () => guardedSocket(denied, () => new FreeholdError('byoc_address_denied', message))
}

/**
 * One small pool per provisioner URL; the least recently used one that nobody uses goes when there are too many, so that
 * a fleet of cells does not hold a connection each. Errors come out translated by `databaseError`, but for an aborted
 * caller, who gets the reason of its signal.
 */
export function createConnections(options: ConnectionOptions) {
  const pools = new Map<string, Pooled>()

  function pooled(cell: CellAccess): Pooled {
    const url = cell.provisionerUrl
    const found = pools.get(url) ?? { pool: open(cell), users: 0 }
    pools.delete(url)
    pools.set(url, found)
    evict(found)
    return found
  }

  function open(cell: CellAccess): pg.Pool {
    const pool = new pg.Pool({
      ...clientConfig(cell, options),
      Client: GuardedClient,
      max: options.connections ?? 20,
      idleTimeoutMillis: 10_000,
      allowExitOnIdle: true,
    })
    // An idle connection that dies is replaced at the next use; without a listener it would end the process.
    pool.on('error', () => {})
    // The pool listens to idle ones only; one that is cut off in the middle of a query would end the process too.
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }

  function evict(keep: Pooled): void {
    for (const [url, entry] of pools) {
      if (pools.size <= maxPools) return
      if (entry === keep || entry.users > 0) continue
      pools.delete(url)
      void entry.pool.end()
    }
  }

  /** Runs `work` with a connection to the cell's database as the provisioner; ends what it is doing when aborted. */
  async function use<T>({ cell, signal }: Caller, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    return translated({ cell, signal }, async () => {
      const entry = pooled(cell)
      entry.users += 1
      try {
        const client = await taken(entry.pool, signal)
        try {
          const result = await untilAborted(signal, work(client))
          client.release()
          return result
        } catch (error) {
          // What state the connection is in is not known: the next user gets another.
          client.release(true)
          if (signal.aborted) await endBackend(cell, client)
          throw error
        }
      } finally {
        entry.users -= 1
      }
    })
  }

  /** The server would go on with a statement, or wait for its lock, without noticing that nobody listens any more. */
  async function endBackend(cell: CellAccess, client: pg.PoolClient): Promise<void> {
    const { processID } = client as pg.PoolClient & { processID: number | null }
    if (processID === null) return
    const other = new GuardedClient({ ...clientConfig(cell, options), connectionTimeoutMillis: endingMs })
    other.on('error', () => {})
    const end = async () => {
      await other.connect()
      await other.query('select pg_catalog.pg_terminate_backend($1)', [processID])
    }
    await untilAborted(AbortSignal.timeout(endingMs), end()).catch(() => {})
    void other.end().catch(() => {})
  }

  /**
   * Runs one transaction in two round trips: all of it or nothing.
   * @param first what it begins with
   * @param decide gets their results and says what follows
   */
  function transaction<T>(
    caller: Caller,
    first: readonly string[],
    decide: (results: QueryResult[]) => Ending<T>,
  ): Promise<T> {
    return use(caller, async (client) => {
      const results = await together(client, ...opening, ...first)
      const { last, after = [], result } = decide(results.slice(opening.length))
      caller.signal.throwIfAborted()
      await together(client, ...last, 'commit', ...after)
      return result
    })
  }

  /** Opens a connection of its own to the same database as another role. The caller ends it. */
  async function connectAs(cell: CellAccess, login: pg.ClientConfig): Promise<pg.Client> {
    const { connectionString = '', ...rest } = clientConfig(cell, options)
    const url = new URL(connectionString)
    Object.assign(url, { username: login.user, password: login.password })
    const client = new GuardedClient({ ...rest, ...login, connectionString: url.href })
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
  }

  /** Ends all pools; running work may finish. */
  async function close(): Promise<void> {
    const all = [...pools.values()]
    pools.clear()
    await Promise.all(all.map((entry) => entry.pool.end()))
  }

  return { use, transaction, connectAs, close }
}
export type Connections = ReturnType<typeof createConnections>

/** A connection of the pool; one that comes after its caller was aborted goes back at once. */
async function taken(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  const connecting = pool.connect()
  try {
    return await untilAborted(signal, connecting)
  } catch (error) {
    if (signal.aborted)
      connecting.then(
        (client) => client.release(),
        () => {},
      )
    throw error
  }
}

/** Several statements in one round trip, which is most of what a short one costs. Gives one result a statement. */
export async function together(client: ClientBase, ...statements: string[]): Promise<QueryResult[]> {
  const results: unknown = await client.query(statements.join(';\n'))
  return (Array.isArray(results) ? results : [results]) as QueryResult[]
}
