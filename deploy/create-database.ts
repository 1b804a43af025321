import pg from 'pg'

const duplicateDatabase = '42P04'

/** Makes the database of this URL if it is not there; the URL is of one who may, and `postgres` is there to connect to. */
export async function createDatabase(registryUrl: string): Promise<void> {
  const url = new URL(registryUrl)
  const name = decodeURIComponent(url.pathname.slice(1))
  url.pathname = '/postgres'
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount === 0)
      await client.query(`create database ${pg.escapeIdentifier(name)}`).catch((error: unknown) => {
        if (!(error instanceof pg.DatabaseError && error.code === duplicateDatabase)) throw error
      })
  } finally {
    await client.end()
  }
}
