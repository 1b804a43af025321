/** One statement. One with a `name` is prepared once a connection, so its text must never vary. */
export type Statement = { readonly name?: string; readonly text: string; readonly values?: readonly unknown[] }

/** Runs statements on the registry: each on a connection of the pool, or all in one transaction. */
export type Sql = <R extends object = Record<string, unknown>>(statement: Statement) => Promise<R[]>

/**
 * For the select list of a statement whose commit need not wait for the disk, because a crash of the registry that loses it
 * costs another try and nothing else. A later commit that does wait writes it as well, so nothing gets out of order.
 */
export const withoutWaiting = `set_config('synchronous_commit', 'off', true) as "withoutWaiting"`

/** A time of the database as the text that is signed, exported and shown: ISO 8601 in UTC, to the millisecond. */
export function isoText(moment: string): string {
  return `to_char(${moment} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** The one row of a statement that gives one always. */
export async function one<R extends object>(rows: Promise<R[]>): Promise<R> {
  const [row] = await rows
  if (row === undefined) throw new Error('a statement gave no row')
  return row
}
