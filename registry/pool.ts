import pg from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import type { Sql, Statement } from './sql.ts'
import { asUnavailable, isUnavailable } from './unavailable.ts'

/**
 * Statements on a connection of the pool each. Values arrive as `pg` gives them (`timestamptz` a Date, `bigint` a text,
 * `jsonb` parsed), not as the ORM does. A statement throws `registry_unavailable` when the registry is refused, lost or
 * silent; every other error as PostgreSQL says it.
 */
export function sqlOf(pool: pg.Pool): Sql {
  return async <R extends object>(statement: Statement) => {
    const client = await take(pool)
    let fault: unknown
    try {
      return await run<R>(client, statement)
    } catch (error) {
      fault = error
      throw error
    } finally {
      client.release(breaks(fault))
    }
  }
}

/**
 * Runs the work between begin and commit; rolls back when it throws, with that error. The connection is given back in every
 * case, and closed when it is not good any more; nothing of the work reaches it after the end, not even what nobody waited
 * for. Throws as `sqlOf` does; see `isConflict` for what may be run again at once.
 */
export async function transaction<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await take(pool)
  let isOpen = true
  const sql: Sql = (statement) => {
    if (!isOpen) throw new Error(`the transaction of "${statement.name ?? statement.text}" is over`)
    return run(client, statement)
  }
  let fault: unknown
  try {
    await control(client, 'begin')
    const result = await work(sql)
    isOpen = false
    const { command } = await control(client, 'commit', 'it is not known whether the change was made')
    if (command !== 'COMMIT')
      throw new Error('nothing was committed: a statement had failed, and its error was ignored')
    return result
  } catch (error) {
    isOpen = false
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

async function run<R extends object>(client: pg.PoolClient, { name, text, values }: Statement): Promise<R[]> {
  try {
    const named = name === undefined ? {} : { name }
    return (await client.query({ ...named, text, values: [...(values ?? [])], types: pg.types })).rows as R[]
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
