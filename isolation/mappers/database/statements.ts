import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import { ownerTag } from '../../../domain/owner-tag.ts'
import type { Found } from './found.ts'
import type { DatabaseProperties } from './properties.ts'

/**
 * Lets one transaction at a time change grants of the database itself: PostgreSQL answers two at once with "tuple
 * concurrently updated". This mode conflicts with itself alone, and tenants, who may only read the table, cannot take it.
 */
const lockGrants = 'lock table tenancy.placement in share update exclusive mode'

const plainRole = 'nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls'

/**
 * Everything that makes roles and schema as the properties say, from what was found; every statement may run again.
 * @param login false keeps a frozen tenant out
 * @param verifier SCRAM verifier of the app role's password
 */
export function ensureStatements(
  found: Found,
  names: DatabaseProperties,
  tenantId: string,
  { login, verifier }: { login: boolean; verifier: string },
): string[] {
  const schema = quoteIdentifier(names.schema)
  const owner = quoteIdentifier(names.ownerRole)
  const app = quoteIdentifier(names.appRole)
  const tag = pg.escapeLiteral(ownerTag(tenantId))
  return [
    ...when(found.ownerRole === undefined, `create role ${owner} nologin ${plainRole}`),
    ...when(found.appRole === undefined, `create role ${app} nologin ${plainRole}`),
    `alter role ${owner} nologin`,
    `alter role ${app} ${login ? 'login' : 'nologin'} connection limit ${names.connectionLimit}`,
    passwordStatement(names, verifier),
    ...[owner, app].flatMap((role) => [
      `alter role ${role} set search_path to ${schema}`,
      `comment on role ${role} is ${tag}`,
    ]),
    found.schema === undefined
      ? `create schema ${schema} authorization ${owner}`
      : `alter schema ${schema} owner to ${owner}`,
    `comment on schema ${schema} is ${tag}`,
    `revoke all on schema ${schema} from public`,
    `grant usage on schema ${schema} to ${app}`,
    ...defaultPrivileges(schema, owner, app),
    ...when(found.schema !== undefined && found.appRole === undefined, ...grantsOnExisting(schema, app)),
    // Last, so that the lock which all tenants share is held for one statement and the commit.
    ...when(
      found.appRole?.mayConnect !== true,
      lockGrants,
      `grant connect on database ${pg.escapeIdentifier(found.database)} to ${app}`,
    ),
  ]
}

/** Gives the app role a password, by its SCRAM verifier. */
function passwordStatement(names: DatabaseProperties, verifier: string): string {
  return `alter role ${quoteIdentifier(names.appRole)} password ${pg.escapeLiteral(verifier)}`
}

/** Opens or closes the app role for logins. */
export function loginStatement(names: DatabaseProperties, login: boolean): string {
  return `alter role ${quoteIdentifier(names.appRole)} ${login ? 'login' : 'nologin'}`
}

/** Drops the named parts with everything in them. `roles` lose what they own and were granted in this database. */
export function dropStatements(schema: string | undefined, roles: readonly string[]): string[] {
  const list = roles.map(quoteIdentifier).join(', ')
  return [
    ...(schema === undefined ? [] : [`drop schema ${quoteIdentifier(schema)} cascade`]),
    ...when(roles.length > 0, lockGrants, `drop owned by ${list} cascade`, `drop role ${list}`),
  ]
}

/** Rights on what the owner will make: the app role uses it, PUBLIC (which gets functions and types by default) does not. */
function defaultPrivileges(schema: string, owner: string, app: string): string[] {
  const defaults = `alter default privileges for role ${owner}`
  return [
    `${defaults} revoke execute on functions from public`,
    `${defaults} revoke usage on types from public`,
    ...usable.map(([rights, kind]) => `${defaults} in schema ${schema} grant ${rights} on ${kind} to ${app}`),
    `${defaults} in schema ${schema} grant usage on types to ${app}`,
  ]
}

/** The same rights for what is there already when the app role had to be made anew. */
function grantsOnExisting(schema: string, app: string): string[] {
  return usable.map(([rights, kind]) => `grant ${rights} on all ${kind} in schema ${schema} to ${app}`)
}

const usable = [
  ['select, insert, update, delete', 'tables'],
  ['usage, select', 'sequences'],
  ['execute', 'functions'],
] as const

function when(condition: boolean, ...statements: string[]): string[] {
  return condition ? statements : []
}
