import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import type pg from 'pg'
import { isUnavailable } from './unavailable.ts'

/**
 * PostgreSQL for Kysely, and so for MikroORM, over a pool of ours. Kysely gives a connection back only after its COMMIT or
 * ROLLBACK succeeded, so one that drops inside a transaction would hold its slot for ever: here it is given back when one
 * of them fails, and closed.
 */
export class RegistryDialect implements Dialect {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  createDriver(): Driver {
    return new RegistryDriver(this.#pool)
  }

  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler()
  }

  createAdapter(): PostgresAdapter {
    return new PostgresAdapter()
  }

  createIntrospector(db: Kysely<unknown>): PostgresIntrospector {
    return new PostgresIntrospector(db)
  }
}

class RegistryDriver implements Driver {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PoolConnection> {
    return new PoolConnection(await this.#pool.connect())
  }

  async beginTransaction(connection: PoolConnection, settings: TransactionSettings): Promise<void> {
    const isolation = settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`
    await connection.control(`begin${isolation} ${settings.accessMode ?? ''}`)
  }

  async commitTransaction(connection: PoolConnection): Promise<void> {
    await connection.control('commit')
  }

  /** Of a connection that is gone the server has rolled back already. */
  async rollbackTransaction(connection: PoolConnection): Promise<void> {
    if (connection.isHeld) await connection.control('rollback')
  }

  async savepoint(connection: PoolConnection, name: string): Promise<void> {
    await connection.run(`savepoint ${quoted(name)}`)
  }

  async rollbackToSavepoint(connection: PoolConnection, name: string): Promise<void> {
    await connection.run(`rollback to savepoint ${quoted(name)}`)
  }

  async releaseSavepoint(connection: PoolConnection, name: string): Promise<void> {
    await connection.run(`release savepoint ${quoted(name)}`)
  }

  async releaseConnection(connection: PoolConnection): Promise<void> {
    connection.giveBack()
  }

  /** The pool belongs to who opened it. */
  async destroy(): Promise<void> {}
}

/** One checkout of a client: given back once, and of no use afterwards. */
class PoolConnection implements DatabaseConnection {
  #client: pg.PoolClient | undefined

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  get isHeld(): boolean {
    return this.#client !== undefined
  }

  giveBack(fault?: unknown): void {
    this.#client?.release(fault !== undefined)
    this.#client = undefined
  }

  /** A statement that opens or ends a transaction: when it fails nobody would give the connection back. */
  async control(sql: string): Promise<void> {
    await this.run(sql).catch((error: unknown) => {
      this.giveBack(error)
      throw error
    })
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { command, rowCount, rows } = await this.run<R & pg.QueryResultRow>(sql, parameters)
    return { rows: rows ?? [], ...(changing.has(command) ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}) }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the registry is not read as a stream; ask for pages')
  }

  async run<R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<pg.QueryResult<R>> {
    if (this.#client === undefined) throw new Error('Connection terminated before this statement')
    try {
      return await this.#client.query<R>(sql, [...values])
    } catch (error) {
      // Behind a statement that timed out every other would wait as long.
      if (isUnavailable(error)) this.giveBack(error)
      throw error
    }
  }
}

const changing = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
