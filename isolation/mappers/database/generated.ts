import pg, { type Client } from 'pg'
import { nameIn } from './tables.ts'

type Column = { table: string; column: string; type: string; expression: string }

/**
 * The first generated column of a schema, as `table.column`, that holds another value than its expression gives now, such as after a
 * function was replaced. An archive has no generated columns, so what they held could not be brought back. Names in expressions
 * are printed, and found, by the search path of the session, which is the schema.
 */
export async function staleColumn(client: Client, schema: string): Promise<string | undefined> {
  const { rows } = await client.query<Column>(
    `select c.relname::text as table, a.attname::text as column, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
        pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression
      from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where n.nspname = $1 and c.relkind = 'r' and a.attgenerated = 's' order by 1, 2`,
    [schema],
  )
  for (const { table, column, type, expression } of rows) {
    const { rowCount } = await client.query(
      `select from only ${nameIn(schema, table)}
        where ${pg.escapeIdentifier(column)}::pg_catalog.text is distinct from ((${expression})::${type})::pg_catalog.text limit 1`,
    )
    if (rowCount !== 0) return `${table}.${column}`
  }
  return undefined
}
