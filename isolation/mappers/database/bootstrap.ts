import pg from 'pg'
import { scramVerifier } from '../../../crypto/scram.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { clusterNeeds, createDatabase, databaseNeeds, unmet, type BootstrapInput } from './bootstrap-plan.ts'
import { databaseError } from './errors.ts'

/** An administrator's connection URL, and what to make. */
export type BootstrapOptions = BootstrapInput & {
  readonly adminUrl: string
  readonly provisionerPassword: string
  /** How long to wait for a lock, in milliseconds; 10,000. */
  readonly lockTimeoutMs?: number
}

const systemDatabases = ['postgres', 'template0', 'template1']
const duplicateDatabase = '42P04'
const lockNotAvailable = '55P03'
const refusedLogin = ['28000', '28P01']

/** What is still to be done: in the cluster, the database itself, and inside of it. */
type Plan = { readonly cluster: string[]; readonly create: string[]; readonly inside: string[] }

/**
 * Prepares a cluster for a cell: the provisioner role (no superuser), the role of its tenants, its database, and in it what
 * the platform needs and what PUBLIC must not do. May run again, also at the same time as another, and then finds nothing to
 * do and locks nothing. Throws `configuration_invalid` for a system database, a provisioner that is a superuser or a right
 * the administrator lacks, and `substrate_unavailable` when the server does not answer or somebody holds a lock too long.
 * @returns the statements that were run
 */
export async function bootstrapCell(options: BootstrapOptions): Promise<string[]> {
  return connected(options, undefined, async (admin) => {
    const plan = await planOf(admin, options)
    if (sizeOf(plan) === 0) return []
    await admin.query(`set lock_timeout = ${Number(options.lockTimeoutMs ?? 10_000)}`)
    // Two bootstraps of one cluster would change the same catalogue rows.
    await admin.query(`select pg_catalog.pg_advisory_lock(pg_catalog.hashtext('freehold/bootstrap'))`)
    const { cluster, create } = await planOf(admin, options)
    if (cluster.length > 0) await admin.query(cluster.join(';\n'))
    for (const statement of create) await admin.query(statement).catch(unlessDuplicate)
    const inside = await connected(options, options.database, async (client) => {
      const statements = await unmet(client, await databaseNeeds(client, options))
      await client.query(`set lock_timeout = ${Number(options.lockTimeoutMs ?? 10_000)}`)
      if (statements.length > 0) await client.query(statements.join(';\n')).catch((error) => sayWhoWaits(error, client))
      return statements
    })
    return [...cluster, ...create, ...inside]
  })
}

/**
 * What `bootstrapCell` would do now, as statements in order; changes nothing. They hold a verifier, and no password. Throws as
 * `bootstrapCell`.
 */
export async function bootstrapPlan(options: BootstrapOptions): Promise<string[]> {
  return connected(options, undefined, async (admin) => {
    const { cluster, create, inside } = await planOf(admin, options)
    return [...cluster, ...create, ...inside]
  })
}

const sizeOf = ({ cluster, create, inside }: Plan) => cluster.length + create.length + inside.length

async function planOf(admin: pg.Client, options: BootstrapOptions): Promise<Plan> {
  await refuseSuperuser(admin, options.provisionerRole)
  const password = (await isPassword(options)) ? undefined : await scramVerifier(options.provisionerPassword)
  const cluster = await unmet(admin, clusterNeeds(options, password))
  const create = await unmet(admin, [createDatabase(options)])
  if (create.length > 0) {
    const inside = (await databaseNeeds(admin, options)).map(({ statement }) => statement)
    return { cluster, create, inside }
  }
  const inside = await connected(options, options.database, async (client) =>
    unmet(client, await databaseNeeds(client, options)),
  )
  return { cluster, create, inside }
}

/** Whether the provisioner can log in with this password. What comes after the password does not matter. */
async function isPassword({
  adminUrl,
  database,
  provisionerRole,
  provisionerPassword,
}: BootstrapOptions): Promise<boolean> {
  const url = new URL(adminUrl)
  Object.assign(url, { username: provisionerRole, password: provisionerPassword, pathname: `/${database}` })
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    return !refusedLogin.includes(error.code ?? '')
  } finally {
    await client.end().catch(() => {})
  }
}

async function refuseSuperuser(admin: pg.Client, role: string): Promise<void> {
  const { rowCount } = await admin.query('select from pg_catalog.pg_roles where rolname = $1 and rolsuper', [role])
  if (rowCount === 0) return
  throw new FreeholdError('configuration_invalid', `role "${role}" is a superuser; the provisioner must not be one`)
}

function unlessDuplicate(error: unknown): void {
  if (!(error instanceof pg.DatabaseError && error.code === duplicateDatabase)) throw error
}

const holders = `select l.pid, a.usename as role, l.relation::regclass::text as relation
  from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid) join pg_catalog.pg_class c on c.oid = l.relation
  where l.granted and l.pid <> pg_catalog.pg_backend_pid() and c.relnamespace = 'tenancy'::regnamespace
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())`

/** A lock that was not to be had is told with who has it. */
async function sayWhoWaits(error: unknown, client: pg.Client): Promise<never> {
  if (!(error instanceof pg.DatabaseError && error.code === lockNotAvailable)) throw error
  const { rows } = await client.query<{ pid: number; role: string; relation: string }>(holders)
  const who = rows.map(({ pid, role, relation }) => `process ${pid} of role "${role}" (${relation})`).join(', ')
  throw new FreeholdError(
    'substrate_unavailable',
    `bootstrap waited too long for a lock, and nothing was done in this database; it is held by ${who || 'somebody'}. End that session, then retry`,
  )
}

/** Runs `work` as the administrator, in the database of its URL or another, with errors in words of ours. */
async function connected<T>(
  { adminUrl, database }: BootstrapOptions,
  inside: string | undefined,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  if (systemDatabases.includes(database))
    throw new FreeholdError('configuration_invalid', `"${database}" belongs to the system; name another database`)
  const url = URL.parse(adminUrl)
  if (url === null)
    throw new FreeholdError('configuration_invalid', "the administrator's connection URL cannot be parsed")
  if (inside !== undefined) url.pathname = `/${inside}`
  const client = new pg.Client({
    connectionString: url.href,
    application_name: 'freehold',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    // An administrator who is no superuser needs this to give the database to the role it has made.
    await client.query(`set createrole_self_grant = 'set, inherit'`)
    return await work(client)
  } catch (error) {
    throw databaseError(error, {
      name: 'bootstrap',
      database: { host: url.hostname, port: Number(url.port || 5432), name: database },
    })
  } finally {
    await client.end().catch(() => {})
  }
}
