import pg from 'pg'
import { databaseIdentifier, quoteIdentifier } from '../../../domain/names.ts'
import type { Need } from './needs.ts'

/** The role that moves the tenants of a provisioner: it replicates and copies, and is no superuser. */
export function moverRole(provisionerRole: string): string {
  return databaseIdentifier(provisionerRole, 'mover')
}

const isThere = (name: string) => `exists (select from pg_roles where rolname = ${name})`
const parameters = ['session_replication_role', 'deadlock_timeout']
const memberships = ['pg_create_subscription', 'pg_read_all_stats']

/**
 * The mover in a cluster. A superuser alone can make it; where the administrator is none there is no mover, and a move says
 * that it is missing. It has no password until a move gives it one.
 */
export function moverNeeds(provisionerRole: string): Need[] {
  const [mover, name] = [quoteIdentifier(moverRole(provisionerRole)), pg.escapeLiteral(moverRole(provisionerRole))]
  const isSuperuser = `(select rolsuper from pg_roles where rolname = current_user)`
  const needs: Need[] = [
    { lacks: `not ${isThere(name)}`, statement: `create role ${mover}` },
    {
      lacks: `not exists (select from pg_roles where rolname = ${name} and rolcanlogin and rolreplication and rolbypassrls)`,
      statement: `alter role ${mover} login replication bypassrls nocreatedb nocreaterole nosuperuser`,
    },
    ...memberships.map((group) => ({
      lacks: `not exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles p on p.oid = m.member
        where g.rolname = '${group}' and p.rolname = ${name})`,
      statement: `grant ${group} to ${mover}`,
    })),
    ...parameters.map((parameter) => ({
      lacks: `not exists (select from pg_parameter_acl a, aclexplode(a.paracl) e join pg_roles p on p.oid = e.grantee
        where a.parname = '${parameter}' and p.rolname = ${name} and e.privilege_type = 'SET')`,
      statement: `grant set on parameter ${parameter} to ${mover}`,
    })),
    {
      lacks: `not exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles p on p.oid = m.member
        where g.rolname = ${name} and p.rolname = ${pg.escapeLiteral(provisionerRole)} and m.admin_option)`,
      statement: `grant ${mover} to ${quoteIdentifier(provisionerRole)} with admin true, inherit false, set false`,
    },
  ]
  return needs.map(({ lacks, statement }) => ({ lacks: `${isSuperuser} and ${lacks}`, statement }))
}

const placement = `to_regclass('tenancy.placement')`
const holds = (name: string) => (acl: string, right: string) =>
  `exists (select from aclexplode(${acl}) a join pg_roles r on r.oid = a.grantee
    where r.rolname = ${name} and a.privilege_type = '${right}')`

/** What the mover may in one database; what is granted here is its owner's to give. */
export function moverDatabaseNeeds(database: string, provisionerRole: string): Need[] {
  const [mover, name] = [quoteIdentifier(moverRole(provisionerRole)), pg.escapeLiteral(moverRole(provisionerRole))]
  const has = holds(name)
  const databaseAcl = `(select datacl from pg_database where datname = ${pg.escapeLiteral(database)})`
  const schemaAcl = `(select nspacl from pg_namespace where nspname = 'tenancy')`
  const tableAcl = `(select relacl from pg_class where oid = ${placement})`
  const needs: Need[] = [
    {
      lacks: `not (${has(databaseAcl, 'CONNECT')} and ${has(databaseAcl, 'CREATE')})`,
      statement: `grant connect, create on database ${quoteIdentifier(database)} to ${mover}`,
    },
    { lacks: `not ${has(schemaAcl, 'USAGE')}`, statement: `grant usage on schema tenancy to ${mover}` },
    {
      lacks: `not (${has(tableAcl, 'SELECT')} and ${has(tableAcl, 'UPDATE')})`,
      statement: `grant select, update on tenancy.placement to ${mover}`,
    },
  ]
  return needs.map(({ lacks, statement }) => ({ lacks: `${isThere(name)} and ${lacks}`, statement }))
}

/** The one advisory lock that the mover takes, where PUBLIC may take none. */
export function moverGate(provisionerRole: string): Need {
  const name = pg.escapeLiteral(moverRole(provisionerRole))
  const acl = `(select proacl from pg_proc where oid = 'pg_catalog.pg_advisory_xact_lock(bigint)'::regprocedure)`
  return {
    lacks: `${isThere(name)} and not ${holds(name)(acl, 'EXECUTE')}`,
    statement: `grant execute on function pg_catalog.pg_advisory_xact_lock(bigint) to ${quoteIdentifier(moverRole(provisionerRole))}`,
  }
}
