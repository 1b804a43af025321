import { readdirSync } from 'node:fs'
import pg from 'pg'
import type { DemoStack } from './stack.ts'

/**
 * Everything that still carries the code of a tenant or one of the texts: rows of every table that the platform may read, and
 * names of databases, schemas, roles and files. What the platform keeps on purpose (the tombstone, the trail, what was asked
 * of it, the certificate) holds ids and the code, and must hold none of the texts.
 */
export async function findTraces(
  { registry, warehouse, stateDir }: DemoStack,
  code: string,
  texts: readonly string[],
): Promise<{ looked: number; found: string[] }> {
  const names = await ask(
    warehouse,
    `select 'database ' || datname as text from pg_database union all select 'schema ' || nspname from pg_namespace
      union all select 'role ' || rolname from pg_roles`,
  )
  const rows = [...(await everyRow(registry)), ...(await everyRow(warehouse))]
  const files = readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).map((file) => `file ${file}`)
  const found = [
    ...[...names, ...files].filter((name) => name.includes(code)),
    ...rows.filter((row) => texts.some((text) => row.includes(text))).map((row) => `row ${row.slice(0, 120)}`),
  ]
  return { looked: names.length + rows.length + files.length, found }
}

async function everyRow(url: string): Promise<string[]> {
  const tables = await ask(
    url,
    `select format('%I.%I', schemaname, tablename) as text from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema') and has_schema_privilege(schemaname, 'usage')
        and has_table_privilege(format('%I.%I', schemaname, tablename), 'select')`,
  )
  const rows: string[] = []
  for (const table of tables) rows.push(...(await ask(url, `select t::text as text from ${table} t`)))
  return rows
}

async function ask(url: string, sql: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<{ text: string }>(sql)).rows.map(({ text }) => text)
  } finally {
    await client.end()
  }
}
