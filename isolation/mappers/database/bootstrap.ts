import pg from 'pg'
import { scramVerifier } from '../../../crypto/scram.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { bootstrapStatements } from './bootstrap-statements.ts'
import { databaseError } from './errors.ts'

/** An administrator's connection URL, and what to make. `lockDown`: see `BootstrapInput`. */
export type BootstrapOptions = {
  readonly adminUrl: string
  readonly provisionerRole: string
  readonly provisionerPassword: string
  readonly database: string
  readonly lockDown?: boolean
}

const systemDatabases = ['postgres', 'template0', 'template1']
const duplicateDatabase = '42P04'

/**
 * Prepares a cluster for a cell: the provisioner role (no superuser), its database, and `tenancy.placement` in it. May run
 * again, also at the same time as another. Throws `configuration_invalid` for a system database, a provisioner that is a
 * superuser or a right the administrator lacks, and `substrate_unavailable` when the server does not answer.
 */
export async function bootstrapCell(options: BootstrapOptions): Promise<void> {
  const { adminUrl, database, provisionerRole, provisionerPassword } = options
  if (systemDatabases.includes(database))
    throw new FreeholdError('configuration_invalid', `"${database}" belongs to the system; name another database`)
  if (!URL.canParse(adminUrl))
    throw new FreeholdError('configuration_invalid', "the administrator's connection URL cannot be parsed")
  const { cluster, ...statements } = bootstrapStatements({
    ...options,
    passwordVerifier: await scramVerifier(provisionerPassword),
  })
  await connected(adminUrl, database, async (admin) => {
    // Two bootstraps of one cluster would change the same catalogue rows; only administrators are in this database.
    await admin.query(`select pg_advisory_lock(hashtext('freehold/bootstrap'))`)
    await refuseSuperuser(admin, provisionerRole)
    await admin.query(cluster.join(';\n'))
    await admin.query(statements.createDatabase).catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError && error.code === duplicateDatabase)) throw error
    })
    const inside = new URL(adminUrl)
    inside.pathname = `/${database}`
    await connected(inside.href, database, (client) => client.query(statements.database.join(';\n')))
  })
}

async function refuseSuperuser(admin: pg.Client, role: string): Promise<void> {
  const { rowCount } = await admin.query('select from pg_catalog.pg_roles where rolname = $1 and rolsuper', [role])
  if (rowCount === 0) return
  throw new FreeholdError('configuration_invalid', `role "${role}" is a superuser; the provisioner must not be one`)
}

async function connected(url: string, name: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'freehold', connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    // An administrator who is no superuser needs this to give the database to the role it has made.
    await client.query(`set createrole_self_grant = 'set, inherit'`)
    await work(client)
  } catch (error) {
    const { hostname, port } = new URL(url)
    throw databaseError(error, {
      name: 'bootstrap',
      database: { host: hostname, port: Number(port || 5432), name },
    })
  } finally {
    await client.end()
  }
}
