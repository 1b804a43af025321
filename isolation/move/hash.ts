import pg, { type Client } from 'pg'
import { untilAborted } from '../abort.ts'
import { together } from '../mappers/database/connections.ts'
import { nameIn, textSettings } from '../mappers/database/tables.ts'

/** A table and what is hashed of each of its rows, which both sides must be asked by in the same words. */
export type HashedTable = { readonly name: string; readonly hashed: string }
/** Rows of a table, and the sum of their hashes: the order in which they lie does not matter. */
export type TableHash = { readonly name: string; readonly rows: string; readonly hash: string }
/** What is not the same on both sides, in words for people. */
export type Difference = { readonly object: string; readonly message: string }

/**
 * The list of expressions to hash a row by, every column of it in order. Text is compared bit by bit, whatever the collation says.
 * @param columns `isHashedAsText` as `readMoveColumns` finds it
 */
export function hashExpression(columns: readonly { name: string; isHashedAsText: boolean }[]): string {
  return columns
    .map(({ name, isHashedAsText }) => {
      const column = pg.escapeIdentifier(name)
      return isHashedAsText ? `${column}::pg_catalog.text collate "C"` : column
    })
    .join(', ')
}

/**
 * Hashes tables in the transaction that the caller has begun, so that all are of one snapshot. The session is set to print values, and
 * names in them, as the other side does. A table that is not there is an
 * error of PostgreSQL, as is a type without text or hash. Throws the signal's reason; the session is then still at work, and is
 * the caller's to end.
 */
export async function hashTables(
  client: Client,
  schema: string,
  tables: readonly HashedTable[],
  signal: AbortSignal,
  onProgress?: (hash: TableHash) => void,
): Promise<TableHash[]> {
  await untilAborted(signal, together(client, 'set search_path = pg_catalog', ...textSettings))
  const hashes: TableHash[] = []
  for (const { name, hashed } of tables) {
    const query = client.query<Omit<TableHash, 'name'>>(
      `select pg_catalog.count(*)::text as rows,
          coalesce(pg_catalog.sum(pg_catalog.hash_record_extended(row(${hashed}), 0)::numeric), 0)::text as hash
        from only ${nameIn(schema, name)}`,
    )
    const { rows } = await untilAborted(signal, query)
    const [{ rows: count, hash } = { rows: '0', hash: '0' }] = rows
    const one = { name, rows: count, hash }
    onProgress?.(one)
    hashes.push(one)
  }
  return hashes
}

/** Tables that are on one side only, or have other rows there; none when the two are the same. */
export function compareHashes(source: readonly TableHash[], target: readonly TableHash[]): Difference[] {
  const found = new Map(target.map((table) => [table.name, table]))
  const known = new Set(source.map(({ name }) => name))
  return [
    ...source.flatMap(({ name, rows, hash }) => {
      const other = found.get(name)
      if (other === undefined) return [{ object: name, message: `table ${name} is missing on the target` }]
      if (other.rows !== rows)
        return [
          { object: name, message: `table ${name} has ${rows} rows on the source and ${other.rows} on the target` },
        ]
      if (other.hash !== hash)
        return [{ object: name, message: `table ${name} has ${rows} rows on both sides, and not the same ones` }]
      return []
    }),
    ...target
      .filter(({ name }) => !known.has(name))
      .map(({ name }) => ({ object: name, message: `table ${name} is on the target only` })),
  ]
}
