import type pg from 'pg'
import type { Migration } from '../../../base/migration-source.ts'

/** An application as tenants have them: its schema, its rows, and what it does all day. Names are found by the search path. */
export type LiveSchema = {
  readonly migrations: readonly Migration[]
  /** SQL that fills it, run by the app role. */
  readonly rows: string
  /** One transaction of the application, for the writer and the count that `key` (`writer/count`) is made of. */
  write(client: pg.Client, key: string): Promise<void>
  /** SQL for what one row of numbers must be once `$1` transactions are done: a column for each, `0` where all is well. */
  readonly wrong: string
  /** The same for what the move itself fills on the target: materialized views. */
  readonly stale?: string
}

/** The key of each operation is inserted in its transaction; this is the table for it. */
export const operations = 'create table operations (key text primary key, at timestamptz not null default now());'

/** A number from 1 to `most` that follows from the key. */
export function pick(key: string, most: number, salt = 0): number {
  let found = 7 + salt
  for (const letter of key) found = (found * 31 + letter.charCodeAt(0)) % 1_000_003
  return 1 + (found % most)
}
