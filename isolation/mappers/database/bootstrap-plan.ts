import pg, { type ClientBase } from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import { gateLockNeed } from './gate.ts'
import { moverDatabaseNeeds, moverGate, moverNeeds } from './mover-needs.ts'
import type { Need } from './needs.ts'
import { tenancyNeeds } from './tenancy-schema.ts'
import { tenantsRole } from './tenants-role.ts'

/** What one database cluster is prepared with. */
export type BootstrapInput = {
  readonly provisionerRole: string
  readonly database: string
  /** Closes `postgres` and `template1` to PUBLIC as well; only for a cluster that nobody else uses. */
  readonly lockDown?: boolean
}

/**
 * Functions that a tenant must not call, by pattern of their names. Advisory locks: any login could hold those that others
 * wait for. The lock table of the server can be filled without them, by savepoints that each write; no right forbids that.
 * Large objects lie outside every schema and count against nobody, and messages in the log fill the disk likewise.
 */
const forbiddenFunctions = [
  String.raw`pg\_advisory\_%`,
  String.raw`pg\_try\_advisory\_%`,
  String.raw`pg\_logical\_emit\_message`,
  String.raw`lo\_creat%`,
  String.raw`lo\_from\_bytea`,
  String.raw`lo\_import%`,
  String.raw`lo\_put`,
]

const aclOf = (database: string) =>
  `(select coalesce(datacl, acldefault('d', datdba)) from pg_database where datname = ${pg.escapeLiteral(database)})`

/** What the cluster still needs but for the database itself. @param password a verifier, when the one in force is another */
export function clusterNeeds(
  { provisionerRole, database, lockDown }: BootstrapInput,
  password: string | undefined,
): Need[] {
  const provisioner = quoteIdentifier(provisionerRole)
  const role = pg.escapeLiteral(provisionerRole)
  const tenants = tenantsRole(database)
  const has = (condition: string) => `exists (select from pg_roles where rolname = ${condition})`
  const closed = lockDown === true ? ['postgres', 'template1'] : []
  return [
    { lacks: `not ${has(role)}`, statement: `create role ${provisioner}` },
    {
      lacks: `not ${has(`${role} and rolcanlogin and rolcreaterole and rolcreatedb`)}`,
      statement: `alter role ${provisioner} login createrole createdb`,
    },
    ...(password === undefined
      ? []
      : [{ lacks: 'true', statement: `alter role ${provisioner} password ${pg.escapeLiteral(password)}` }]),
    { lacks: `not ${has(pg.escapeLiteral(tenants))}`, statement: `create role ${quoteIdentifier(tenants)} nologin` },
    {
      lacks: `not exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles p on p.oid = m.member
        where g.rolname = ${pg.escapeLiteral(tenants)} and p.rolname = ${role} and m.admin_option)`,
      statement: `grant ${quoteIdentifier(tenants)} to ${provisioner} with admin true, inherit false, set false`,
    },
    reservedConnections(provisionerRole),
    ...moverNeeds(provisionerRole),
    ...closed.map((name) => ({
      lacks: `exists (select from aclexplode(${aclOf(name)}) a where a.grantee = 0)`,
      statement: `revoke all on database ${name} from public`,
    })),
  ]
}

/**
 * The right to connections that are kept from tenants, who may take all others, for a login of the platform. Not every
 * administrator can give it.
 */
export function reservedConnections(login: string): Need {
  return {
    lacks: `exists (select from pg_roles r where r.rolname = 'pg_use_reserved_connections'
      and pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') and not exists (
        select from pg_auth_members m join pg_roles p on p.oid = m.member
        where m.roleid = r.oid and p.rolname = ${pg.escapeLiteral(login)}))`,
    statement: `grant pg_use_reserved_connections to ${pg.escapeIdentifier(login)}`,
  }
}

/** The statement that makes the database. */
export function createDatabase({ database, provisionerRole }: BootstrapInput): Need {
  return {
    lacks: `not exists (select from pg_database where datname = ${pg.escapeLiteral(database)})`,
    statement: `create database ${quoteIdentifier(database)} owner ${quoteIdentifier(provisionerRole)}`,
  }
}

/** What the database still needs; `client` may be in another database of the cluster while this one is not there. */
export async function databaseNeeds(
  client: ClientBase,
  { database, provisionerRole }: BootstrapInput,
): Promise<Need[]> {
  const name = quoteIdentifier(database)
  const tenants = tenantsRole(database)
  const provisioner = pg.escapeLiteral(provisionerRole)
  return [
    {
      lacks: `not exists (select from pg_database d join pg_roles r on r.oid = d.datdba
        where d.datname = ${pg.escapeLiteral(database)} and r.rolname = ${provisioner})`,
      statement: `alter database ${name} owner to ${quoteIdentifier(provisionerRole)}`,
    },
    ...doorNeeds(database),
    ...(await forbidden(client)),
    gateLockNeed(provisionerRole),
    ...tenancyNeeds(provisionerRole, tenants),
    ...moverDatabaseNeeds(database, provisionerRole),
    moverGate(provisionerRole),
  ]
}

/** Who may enter a database, and that PUBLIC may do nothing there. */
function doorNeeds(database: string): Need[] {
  const name = quoteIdentifier(database)
  const tenants = tenantsRole(database)
  return [
    {
      lacks: `exists (select from aclexplode(${aclOf(database)}) a where a.grantee = 0)`,
      statement: `revoke all on database ${name} from public`,
    },
    {
      lacks: `not exists (select from aclexplode(${aclOf(database)}) a join pg_roles r on r.oid = a.grantee
        where r.rolname = ${pg.escapeLiteral(tenants)} and a.privilege_type = 'CONNECT')`,
      statement: `grant connect on database ${name} to ${quoteIdentifier(tenants)}`,
    },
    {
      lacks: `exists (select from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        where n.nspname = 'public' and a.grantee = 0)`,
      statement: 'revoke all on schema public from public',
    },
  ]
}

/**
 * What a database that the provisioner has made for one tenant still needs. As `databaseNeeds`, but for the functions: they
 * are the superuser's, and what they could hold up in this database is the tenant's own alone.
 */
export function ownDatabaseNeeds({ database, provisionerRole }: BootstrapInput): Need[] {
  const tenants = tenantsRole(database)
  return [
    ...doorNeeds(database),
    ...tenancyNeeds(provisionerRole, tenants),
    ...moverDatabaseNeeds(database, provisionerRole),
  ]
}

/** Every signature there is, so that one that a release of PostgreSQL adds is found too. */
async function forbidden(client: ClientBase): Promise<Need[]> {
  const { rows } = await client.query<{ signature: string; oid: string }>(
    `select p.oid::text, p.oid::regprocedure::text as signature from pg_catalog.pg_proc p
     where p.pronamespace = 'pg_catalog'::regnamespace and p.proname like any ($1) order by 2`,
    [forbiddenFunctions],
  )
  return rows.map(({ signature, oid }) => ({
    lacks: `exists (select from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      where p.oid = ${oid} and a.grantee = 0)`,
    statement: `revoke execute on function pg_catalog.${signature} from public`,
  }))
}

/** Statements of the needs that are not met, in order; one look, which takes no lock that anybody could hold up. */
export async function unmet(client: ClientBase, needs: readonly Need[]): Promise<string[]> {
  if (needs.length === 0) return []
  const columns = needs.map(({ lacks }) => `(${lacks})`)
  const { rows } = await client.query<{ lacks: boolean[] }>(`select array[${columns.join(',\n')}] as lacks`)
  return needs.filter((_, index) => rows[0]?.lacks[index] !== false).map(({ statement }) => statement)
}
