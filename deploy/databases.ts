import pg from 'pg'
import { bootstrapCell } from '../isolation/mappers/database/bootstrap.ts'
import { migrateRegistry } from '../registry/migrate.ts'

const duplicateDatabase = '42P04'

/**
 * Prepares a server for one machine: the registry, migrated, and the example cell's database with its provisioner.
 * @param registryUrl the registry, as an administrator of the server; its database is made if it is not there
 * @returns connection URL of the provisioner
 */
export async function prepareDatabases(
  registryUrl: string,
  options: { provisionerPassword: string; lockDown: boolean },
): Promise<string> {
  await createDatabase(registryUrl)
  await migrateRegistry(registryUrl)
  const provisionerRole = 'freehold_provisioner'
  const database = 'warehouse_shared'
  await bootstrapCell({
    adminUrl: registryUrl,
    provisionerRole,
    provisionerPassword: options.provisionerPassword,
    database,
    lockDown: options.lockDown,
  })
  const url = new URL(registryUrl)
  url.username = provisionerRole
  url.password = options.provisionerPassword
  url.pathname = `/${database}`
  return url.href
}

/** Makes the database of this URL if it is not there; the URL is of one who may, and `postgres` is there to connect to. */
export async function createDatabase(registryUrl: string): Promise<void> {
  const url = new URL(registryUrl)
  const name = decodeURIComponent(url.pathname.slice(1))
  url.pathname = '/postgres'
  const client = new pg.Client({
    connectionString: url.href,
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
    keepAlive: true,
  })
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
