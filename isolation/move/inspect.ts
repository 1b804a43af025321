import pg, { type Client } from 'pg'
import type { Blocker } from '../../domain/relocation.ts'
import { schemaBlockers } from './blocker-queries.ts'
import { readMoveColumns, type MoveColumn } from './column-types.ts'
import type { CopiedTable } from './copy.ts'
import { hashExpression, type HashedTable } from './hash.ts'

/** A table that has rows of its own: what is published, copied and hashed. */
export type MoveTable = CopiedTable &
  HashedTable & {
    /** An estimate of PostgreSQL's. */
    readonly rows: number
  }

export type Inspection = {
  readonly tables: readonly MoveTable[]
  readonly sequences: readonly string[]
  /** What the tables take on the disk, without their indexes. */
  readonly bytes: number
  readonly blockers: readonly Blocker[]
}

/**
 * Looks at a schema that is to be moved, as the mover; changes nothing. For a table without rows of its own (a partitioned
 * one) its partitions are given.
 */
export async function inspectSchema(client: Client, schema: string): Promise<Inspection> {
  const columns = Map.groupBy(await readMoveColumns(client, schema), ({ table }) => table)
  const { rows } = await client.query<{ name: string; printed: string; bytes: string; rows: number; isFull: boolean }>(
    `select c.relname::text as name, c.oid::pg_catalog.regclass::text as printed, pg_catalog.pg_table_size(c.oid)::text as bytes,
        greatest(c.reltuples, 0)::float8 as rows, c.relreplident = 'f' as "isFull"
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'r' order by c.relname collate "C"`,
    [schema],
  )
  const tables = rows.map(({ name, bytes, rows: estimate }): MoveTable => {
    const own = columns.get(name) ?? []
    const stored = own.filter(({ isGenerated }) => !isGenerated)
    return {
      name,
      columns: stored.map((column) => column.name),
      bytes: Number(bytes),
      rows: estimate,
      format: stored.every(({ isBinary }) => isBinary) ? 'binary' : 'text',
      hashed: hashExpression(own),
    }
  })
  const found = await client.query<Blocker>(schemaBlockers, [schema])
  const blockers = [
    ...found.rows,
    ...rows.flatMap(({ name, printed, isFull }) => columnBlockers(printed, columns.get(name) ?? [], isFull)),
  ]
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0)
  return { tables, sequences: await sequenceNames(client, schema), bytes, blockers }
}

function columnBlockers(table: string, columns: readonly MoveColumn[], isFull: boolean): Blocker[] {
  return columns
    .filter(({ isGenerated }) => !isGenerated)
    .flatMap(({ name, holdsIds, hasEquality }) => {
      const object = `${table}.${name}`
      const ids: Blocker = {
        code: 'large_object_column',
        object,
        message:
          'it holds numbers of things outside of the schema, such as large objects, which have others on the target',
        remedy: `keep the content itself, as bytea; for plain numbers: alter table ${table} alter ${pg.escapeIdentifier(name)} type bigint`,
      }
      const full: Blocker = {
        code: 'full_identity_without_equality',
        object,
        message: 'its type has no equality, so that replication finds no row by all of its columns',
        remedy: `alter table ${table} add primary key (…); alter table ${table} replica identity default`,
      }
      return [...(holdsIds ? [ids] : []), ...(isFull && !hasEquality ? [full] : [])]
    })
}

async function sequenceNames(client: Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'S' order by c.relname collate "C"`,
    [schema],
  )
  return rows.map(({ name }) => name)
}
