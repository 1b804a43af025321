import type pg from 'pg'
import type { Sql } from './sql.ts'

export function sqlOf(pool: pg.Pool): Sql {
  return async ({ name, text, values }) =>
    (await pool.query({ ...(name === undefined ? {} : { name }), text, values: [...(values ?? [])] })).rows
}

export async function transaction<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(
      async ({ name, text, values }) =>
        (await client.query({ ...(name === undefined ? {} : { name }), text, values: [...(values ?? [])] })).rows,
    )
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {})
    client.release(true)
    throw error
  }
}
