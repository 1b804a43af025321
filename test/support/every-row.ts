import pg from 'pg'

/**
 * Every row of every table of a database as text, a line each.
 * @param schemas which schemas of tenants, as a pattern of `like`; all of them, unless it is given
 */
export async function everyRow(url: string, schemas = '%'): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')
        and (schemaname not like 't\\_%' or schemaname like $1)`,
      [schemas],
    )
    const texts: string[] = []
    for (const { name } of rows)
      texts.push(
        ...(await client.query<{ text: string }>(`select t::text as text from ${name} t`)).rows.map(({ text }) => text),
      )
    return texts.join('\n')
  } finally {
    await client.end()
  }
}
