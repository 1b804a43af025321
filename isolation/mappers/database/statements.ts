import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import { ownerTag } from '../../../domain/owner-tag.ts'
import type { ResourceProperties } from '../../../domain/resources.ts'
import type { Target } from '../../mapper.ts'
import type { Found } from './found.ts'
import { tenantsRole } from './tenants-role.ts'

type Names = ResourceProperties<'database'>

/**
 * Lets one transaction at a time change grants of the database itself: PostgreSQL answers two at once with "tuple
 * concurrently updated". This mode conflicts with itself alone, and tenants have no right on the table.
 */
const lockGrants = 'lock table tenancy.placement in share update exclusive mode'

const plainRole = 'nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls'

/**
 * Everything that makes roles and schema as the spec says, from what was found; every statement may run again. What is in
 * the schema is done as its owner.
 * @param login false keeps a closed tenant out
 * @param verifier SCRAM verifier of the app role's password
 */
export function ensureStatements(
  found: Found,
  { spec, tenantId }: Pick<Target<'database'>, 'spec' | 'tenantId'>,
  { login, verifier }: { login: boolean; verifier: string },
): string[] {
  const names = spec.properties
  const [schema, owner, app] = [names.schema, names.ownerRole, names.appRole].map(quoteIdentifier) as [
    string,
    string,
    string,
  ]
  const tag = pg.escapeLiteral(ownerTag(tenantId, spec.placement))
  const appRole = `role ${app} ${loginOf(login)} connection limit ${names.connectionLimit} password ${pg.escapeLiteral(verifier)}`
  const strangers = [
    ...when(found.ownerRole?.isMember !== true, owner),
    ...when(login && found.appRole?.isMember !== true, app),
  ]
  const needsGrants = found.schema !== undefined && found.appRole === undefined
  return [
    ...when(found.ownerRole === undefined, `create role ${owner} nologin ${plainRole}`),
    ...when(found.ownerRole?.canLogin === true, `alter role ${owner} nologin`),
    found.appRole === undefined ? `create ${appRole} ${plainRole}` : `alter ${appRole}`,
    `comment on role ${owner} is ${tag}`,
    `comment on role ${app} is ${tag}`,
    `alter role ${app} set search_path to ${schema}`,
    // What is in the schema belongs to the owner role, or to us where that has to be made anew.
    ...when(needsGrants && found.ownerRole === undefined, ...grantsOnExisting(schema, app)),
    ...when(found.schema === undefined, `create schema ${schema} authorization ${owner}`),
    ...when(
      found.schema !== undefined && found.schema.ownedBy !== names.ownerRole,
      `alter schema ${schema} owner to ${owner}`,
    ),
    `set local role ${owner}`,
    `comment on schema ${schema} is ${tag}`,
    ...when(found.schema !== undefined, `revoke all on schema ${schema} from public`),
    `grant usage on schema ${schema} to ${app}`,
    ...defaultPrivileges(app),
    ...when(needsGrants && found.ownerRole !== undefined, ...grantsOnExisting(schema, app)),
    'reset role',
    // Last, because grants of one role wait for each other until the commit.
    ...when(strangers.length > 0, enterStatement(found, strangers)),
    ...when(!login && found.appRole !== undefined, ...leaveStatements(found, [names.appRole])),
  ]
}

/** Lets roles, given quoted, enter the database. */
function enterStatement(found: Found, roles: readonly string[]): string {
  return `grant ${tenantsOf(found)} to ${roles.join(', ')} with inherit true, set false`
}

const tenantsOf = ({ database }: Found) => quoteIdentifier(tenantsRole(database))

/** Keeps roles out of the database from their next login on. Waits for nothing that a tenant can hold. */
export function leaveStatements(found: Found, roles: readonly string[]): string[] {
  const members = [found.ownerRole, found.appRole].flatMap((role) =>
    role?.isMember === true && roles.includes(role.name) ? [quoteIdentifier(role.name)] : [],
  )
  return [
    ...when(members.length > 0, `revoke ${tenantsOf(found)} from ${members.join(', ')}`),
    ...revokeOwnGrants(found, roles),
  ]
}

/** Takes from roles the right on the database itself that releases before the common role gave to each. */
function revokeOwnGrants(found: Found, roles: readonly string[]): string[] {
  const granted = [found.ownerRole, found.appRole].some((role) => role?.hasOwnGrant)
  const from = roles.map(quoteIdentifier).join(', ')
  return when(
    granted && roles.length > 0,
    lockGrants,
    `revoke all on database ${pg.escapeIdentifier(found.database)} from ${from}`,
  )
}

/** Opens the app role. */
export function openStatements(found: Found, { appRole }: Pick<Names, 'appRole'>): string[] {
  return [
    loginStatement(appRole, true),
    ...when(found.appRole?.isMember !== true, enterStatement(found, [quoteIdentifier(appRole)])),
  ]
}

/** Gives the app role a new password, and opens it or leaves it closed. */
export function passwordStatements(found: Found, names: Names, isOpen: boolean, verifier: string): string[] {
  const password = `alter role ${quoteIdentifier(names.appRole)} password ${pg.escapeLiteral(verifier)}`
  return [password, ...when(isOpen, ...openStatements(found, names))]
}

/** Opens or closes a role for logins. */
export function loginStatement(role: string, login: boolean): string {
  return `alter role ${quoteIdentifier(role)} ${loginOf(login)}`
}

const loginOf = (login: boolean) => (login ? 'login' : 'nologin')

/** Lets one session in as the owner, until a time. */
export function openOwnerStatements(found: Found, names: Names, verifier: string, until: string): string[] {
  const owner = quoteIdentifier(names.ownerRole)
  return [
    `alter role ${owner} login connection limit 1 password ${pg.escapeLiteral(verifier)} valid until ${pg.escapeLiteral(until)}`,
    ...when(found.ownerRole?.isMember !== true, enterStatement(found, [owner])),
  ]
}

/** Lets nobody in as the owner any more. */
export function closeOwnerStatements(found: Found, names: Names): string[] {
  const owner = quoteIdentifier(names.ownerRole)
  return [
    `alter role ${owner} nologin password null`,
    ...when(found.ownerRole?.isMember !== true, enterStatement(found, [owner])),
  ]
}

/** Drops the named parts with everything in them. Roles lose what they own and were granted in this database. */
export function dropStatements(found: Found, names: Names, doomed: { schema: boolean; roles: readonly string[] }) {
  return [
    ...when(
      doomed.schema && found.schema?.ownedBy === names.ownerRole,
      `set local role ${quoteIdentifier(names.ownerRole)}`,
    ),
    ...when(doomed.schema, `drop schema ${quoteIdentifier(names.schema)} cascade`, 'reset role'),
    ...revokeOwnGrants(found, doomed.roles),
    // As the role itself, who may give up what it has.
    ...doomed.roles
      .map(quoteIdentifier)
      .flatMap((role) => [`set local role ${role}`, `drop owned by ${role} cascade`, 'reset role']),
    ...when(doomed.roles.length > 0, `drop role ${doomed.roles.map(quoteIdentifier).join(', ')}`),
  ]
}

/** Rights on what the current role will make: the app role uses it, PUBLIC (which gets functions and types by default) does not. */
function defaultPrivileges(app: string): string[] {
  return [
    'alter default privileges revoke execute on functions from public',
    'alter default privileges revoke usage on types from public',
    ...usable.map(([rights, kind]) => `alter default privileges grant ${rights} on ${kind} to ${app}`),
    `alter default privileges grant usage on types to ${app}`,
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
