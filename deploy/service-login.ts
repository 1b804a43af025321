import pg from 'pg'
import { scramVerifier } from '../crypto/scram.ts'
import { FreeholdError } from '../domain/errors.ts'
import { reservedConnections, unmet } from '../isolation/mappers/database/bootstrap-plan.ts'
import { requireRegistry } from '../registry/require.ts'
import { servicesRole } from '../registry/orm.ts'

/**
 * Makes sure that API and worker get into the registry by the URL they are given. A login that does not is made, or, when
 * it was made here, given the URL's password; it may take the services role and do nothing else. Throws
 * `configuration_invalid` for a login that others made, and `substrate_unavailable` when it does not get in all the same.
 * @param adminUrl the registry, migrated, as one who may create roles
 */
export async function ensureServiceLogin(adminUrl: string, serviceUrl: string): Promise<void> {
  const getsIn = await requireRegistry(serviceUrl).then(
    () => true,
    () => false,
  )
  if (getsIn) return
  const [login, admin] = [new URL(serviceUrl), new URL(adminUrl)]
  if (login.username !== admin.username)
    await makeLogin(adminUrl, decodeURIComponent(login.username), decodeURIComponent(login.password))
  await requireRegistry(serviceUrl)
}

async function makeLogin(adminUrl: string, name: string, password: string): Promise<void> {
  const [role, verifier] = [pg.escapeIdentifier(name), pg.escapeLiteral(await scramVerifier(password))]
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    // One transaction behind one lock, so that a second setup waits and finds the login.
    await client.query('begin')
    await client.query(`select pg_advisory_xact_lock(hashtext('freehold/service-login'))`)
    const { rows } = await client.query<{ ours: boolean }>(isOurs, [name, servicesRole])
    if (rows[0]?.ours === false)
      throw new FreeholdError(
        'configuration_invalid',
        `the login "${name}" of DATABASE_URL does not get into the registry, and was not made by setup; correct its password, or name another one`,
      )
    if (rows.length === 0) await client.query(`create role ${role} login`)
    await client.query(`alter role ${role} password ${verifier}`)
    await client.query(`grant ${pg.escapeIdentifier(servicesRole)} to ${role} with inherit false`)
    for (const statement of await unmet(client, [reservedConnections(name)])) await client.query(statement)
    const { rows: here } = await client.query<{ name: string }>('select current_database() as name')
    for (const database of here)
      await client.query(`grant connect on database ${pg.escapeIdentifier(database.name)} to ${role}`)
    await client.query('commit')
  } finally {
    await client.end()
  }
}

/** A login of setup has the services role and no rights of an administrator. */
const isOurs = `
  select not (r.rolsuper or r.rolcreaterole) and exists (
    select from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid and g.rolname = $2
  ) as ours from pg_roles r where r.rolname = $1`
