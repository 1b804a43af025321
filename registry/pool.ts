import pg from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import { asUnavailable, isUnavailable } from './unavailable.ts'

/**
 * SQL for the hot path, on the pool of the registry. Values arrive as `pg` gives them (`timestamptz` a Date, `bigint` a
 * text, `jsonb` parsed), not as the ORM does.
 */
export type Statement = {
  /** Under this name the statement is prepared once for each connection; one name, one text. */
  readonly name: string
  readonly text: string
  readonly values?: readonly unknown[]
}

/** A transaction that is open; usable only while the work it was given to runs. */
export class Transaction {
  readonly #client: pg.PoolClient
  #isOpen = true

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  /** One prepared statement. Throws `registry_unavailable`, or what PostgreSQL says. */
  async query<Row extends pg.QueryResultRow>(statement: Statement): Promise<pg.QueryResult<Row>> {
    if (!this.#isOpen) throw new Error(`the transaction of statement "${statement.name}" is over`)
    return run<Row>(this.#client, statement)
  }

  /** Nothing of the work may reach the connection once it is given back, not even what nobody waited for. */
  end(): void {
    this.#isOpen = false
  }
}

/**
 * One prepared statement, outside of a transaction when `on` is the pool. Throws `registry_unavailable` when the registry
 * is refused, lost or silent; every other error as PostgreSQL says it.
 */
export async function query<Row extends pg.QueryResultRow>(
  on: pg.Pool | Transaction,
  statement: Statement,
): Promise<pg.QueryResult<Row>> {
  if (on instanceof Transaction) return on.query<Row>(statement)
  const client = await take(on)
  let fault: unknown
  try {
    return await run<Row>(client, statement)
  } catch (error) {
    fault = error
    throw error
  } finally {
    client.release(breaks(fault))
  }
}

/**
 * Runs the work between begin and commit; rolls back when it throws, with that error. The connection is given back in every
 * case, and closed when it is not good any more. Throws `registry_unavailable` as `query` does; see `isConflict` for what
 * may be run again at once.
 */
export async function transaction<T>(pool: pg.Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await take(pool)
  const tx = new Transaction(client)
  let fault: unknown
  try {
    await control(client, 'begin')
    const result = await work(tx)
    tx.end()
    const { command } = await control(client, 'commit', 'it is not known whether the change was made')
    if (command !== 'COMMIT')
      throw new Error('nothing was committed: a statement had failed, and its error was ignored')
    return result
  } catch (error) {
    tx.end()
    fault = breaks(error) ? error : await control(client, 'rollback').then(nothing, (failed: unknown) => failed)
    throw error
  } finally {
    client.release(fault !== undefined)
  }
}

const nothing = () => undefined

async function take(pool: pg.Pool): Promise<pg.PoolClient> {
  return pool.connect().catch((error: unknown) => {
    throw asUnavailable(error)
  })
}

async function run<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  { name, text, values }: Statement,
): Promise<pg.QueryResult<Row>> {
  try {
    return await client.query<Row>({ name, text, values: [...(values ?? [])], types: pg.types })
  } catch (error) {
    throw asUnavailable(error, 'it is not known whether the statement was carried out')
  }
}

async function control(client: pg.PoolClient, text: string, hint?: string): Promise<pg.QueryResult> {
  return client.query(text).catch((error: unknown) => {
    throw asUnavailable(error, hint)
  })
}

/** Whether the connection is of no use after this error: it is gone, or a statement prepared on it has become stale. */
function breaks(error: unknown): boolean {
  if (error instanceof FreeholdError) return error.code === 'registry_unavailable'
  return isUnavailable(error) || (error as { code?: unknown } | undefined)?.code === '0A000'
}
