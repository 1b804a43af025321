import pg from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import type { CellAccess } from '../../mapper.ts'
import { databaseError } from './errors.ts'

/** Limits of the provisioner's work in a cell's database. */
export type ConnectionOptions = {
  /** One connect, or the wait for a connection of the pool; 5,000. */
  readonly connectTimeoutMs?: number
  /** 15,000 */
  readonly statementTimeoutMs?: number
  /** How many at a time to one cell: as many as there are users at a time, so that none waits; 20. */
  readonly connections?: number
}

type Pooled = { readonly pool: pg.Pool; users: number }

const maxPools = 32
/** How much longer than the server's own timeout we wait for an answer, before the network is taken for dead. */
export const answerGraceMs = 5_000

/** `pg` settings of the provisioner of one cell. Throws `configuration_invalid` for a URL that is none, without showing it. */
function provisionerConfig(cell: CellAccess, options: ConnectionOptions): pg.ClientConfig {
  if (!URL.canParse(cell.provisionerUrl))
    throw new FreeholdError('configuration_invalid', `the credential of cell "${cell.name}" is not a connection URL`)
  const statementTimeout = options.statementTimeoutMs ?? 15_000
  return {
    connectionString: cell.provisionerUrl,
    application_name: 'freehold',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeout,
    query_timeout: statementTimeout + answerGraceMs,
    keepAlive: true,
  }
}

/**
 * One small pool per provisioner URL; the least recently used one that nobody uses goes when there are too many, so that
 * a fleet of cells does not hold a connection each. Errors come out translated by `databaseError`.
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
      ...provisionerConfig(cell, options),
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

  /** Runs `work` with a connection to the cell's database as the provisioner. */
  async function use<T>(cell: CellAccess, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let entry: Pooled | undefined
    try {
      entry = pooled(cell)
      entry.users += 1
      const client = await entry.pool.connect()
      try {
        const result = await work(client)
        client.release()
        return result
      } catch (error) {
        // What state the connection is in is not known: the next user gets another.
        client.release(true)
        throw error
      }
    } catch (error) {
      throw databaseError(error, cell)
    } finally {
      if (entry !== undefined) entry.users -= 1
    }
  }

  /** Runs `work` in one transaction: all of it or nothing. */
  function transaction<T>(cell: CellAccess, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return use(cell, async (client) => {
      await client.query(`begin; set local search_path = pg_catalog; set local createrole_self_grant = 'set, inherit'`)
      const result = await work(client)
      await client.query('commit')
      return result
    })
  }

  /** Ends all pools; running work may finish. */
  async function close(): Promise<void> {
    const open = [...pools.values()]
    pools.clear()
    await Promise.all(open.map((entry) => entry.pool.end()))
  }

  return { use, transaction, close }
}
