import pg, { type Client } from 'pg'
import { to } from 'pg-copy-streams'
import type { Readable } from 'node:stream'
import { together } from './connections.ts'

/** A table that has rows of its own; a partitioned one has none. */
export type DataTable = {
  readonly name: string
  /** Those that are stored, in order. */
  readonly columns: readonly string[]
  readonly isForced: boolean
}
export type SequenceValue = { readonly name: string; readonly last: string; readonly isCalled: boolean }

/**
 * What a session is set to so that the same rows are the same text, whatever the server or the tenant's role is set to, and
 * in the order in which they lie.
 */
export const textSettings = [
  `set datestyle = 'ISO, MDY'`,
  'set intervalstyle = postgres',
  `set timezone = 'UTC'`,
  'set bytea_output = hex',
  'set extra_float_digits = 3',
  `set lc_monetary = 'C'`,
  'set xmloption = content',
  `set client_encoding = 'UTF8'`,
  'set quote_all_identifiers = off',
  'set synchronize_seqscans = off',
  // What a policy hides would be left out without a word; with this it is an error.
  'set row_security = off',
]

/** Begins a transaction whose statements all see the same rows. Whoever reads rolls it back. */
export async function beginSnapshot(client: Client): Promise<void> {
  await together(client, 'reset all', ...textSettings, 'begin isolation level repeatable read')
}

/** The same for one that writes. */
export async function beginWriting(client: Client): Promise<void> {
  await together(client, 'reset all', ...textSettings, 'begin')
}

/** The tables of a schema that have rows, by name. */
export async function listTables(client: Client, schema: string): Promise<DataTable[]> {
  const { rows } = await client.query<{ name: string; columns: string[]; isForced: boolean }>(
    `select c.relname::text as name, c.relforcerowsecurity as "isForced",
        coalesce((select pg_catalog.array_agg(a.attname::text order by a.attnum) from pg_catalog.pg_attribute a
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '{}') as columns
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'r' order by c.relname collate "C"`,
    [schema],
  )
  return rows
}

/**
 * Lets the owner read and write its own rows past policies that it forced on itself, until the transaction is rolled back or
 * `force` is said again.
 */
export function unforced(tables: readonly DataTable[], schema: string): string[] {
  return forcing(tables, schema, 'no force')
}

export function forced(tables: readonly DataTable[], schema: string): string[] {
  return forcing(tables, schema, 'force')
}

function forcing(tables: readonly DataTable[], schema: string, how: 'force' | 'no force'): string[] {
  return tables
    .filter(({ isForced }) => isForced)
    .map(({ name }) => `alter table only ${nameIn(schema, name)} ${how} row level security`)
}

/** Quoted name of something in a schema. */
export const nameIn = (schema: string, name: string) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`

/** Table and columns as COPY takes them. A table without columns has rows all the same. */
export function copied(schema: string, { name, columns }: Pick<DataTable, 'name' | 'columns'>): string {
  const list = columns.length === 0 ? '' : ` (${columns.map(pg.escapeIdentifier).join(', ')})`
  return `${nameIn(schema, name)}${list}`
}

/** The rows of a table as text, a line each; `rowCount` is theirs once it has ended. */
export function copyOut(
  client: Client,
  schema: string,
  table: Pick<DataTable, 'name' | 'columns'>,
): Readable & { rowCount: number } {
  return client.query(to(`copy ${copied(schema, table)} to stdout`, { highWaterMark: 256 * 1024 }))
}

/** The values of all sequences of a schema, by name. */
export async function readSequences(client: Client, schema: string): Promise<SequenceValue[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'S' order by c.relname collate "C"`,
    [schema],
  )
  if (rows.length === 0) return []
  const each = rows.map(
    ({ name }) => `select ${pg.escapeLiteral(name)} as name, last_value::text as last, is_called as "isCalled"
      from ${nameIn(schema, name)}`,
  )
  const values = await client.query<SequenceValue>(each.join(' union all '))
  return values.rows
}

/** Materialized views of a schema that are filled, in the order in which they were made. */
export async function filledViews(client: Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'm' and c.relispopulated order by c.oid`,
    [schema],
  )
  return rows.map(({ name }) => name)
}
