import pg, { type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { readOwnerTag } from '../../../domain/owner-tag.ts'
import type { ResourceProperties } from '../../../domain/resources.ts'
import type { Target } from '../../mapper.ts'
import { tenantsRoleHere } from './tenants-role.ts'

/** One thing of a tenant in the catalogues, with whose it says it is. */
type Part = { readonly name: string; readonly owner: string | undefined }
type FoundSchema = Part & { readonly ownedBy: string }
type FoundRole = Part & {
  readonly canLogin: boolean
  readonly connectionLimit: number
  /** Whether it is one of those who may enter the database. */
  readonly isMember: boolean
  /** Whether it has a right on the database itself, as releases before the common role gave one to each. */
  readonly hasOwnGrant: boolean
}

/** What the catalogues say of the names of one tenant environment. */
export type Found = {
  readonly database: string
  readonly schema?: FoundSchema
  readonly ownerRole?: FoundRole
  readonly appRole?: FoundRole
}

type Row = {
  part: 'schema' | 'role' | 'database'
  name: string
  tag: string | null
  owned_by: string
  can_login: boolean
  connection_limit: number
  is_member: boolean
  has_own_grant: boolean
}

/** Statement that looks up schema and roles by name, whoever they belong to. */
export function findStatement({ schema, ownerRole, appRole }: ResourceProperties<'database'>): string {
  const [schemaName, ...roles] = [schema, ownerRole, appRole].map(pg.escapeLiteral)
  return `
  select 'schema' as part, nspname::text as name, obj_description(oid, 'pg_namespace') as tag, pg_get_userbyid(nspowner)::text as owned_by,
    false as can_login, 0 as connection_limit, false as is_member, false as has_own_grant
  from pg_namespace where nspname = ${schemaName}
  union all
  select 'role', rolname::text, shobj_description(r.oid, 'pg_authid'), '', rolcanlogin, rolconnlimit,
    exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid
      where m.member = r.oid and m.inherit_option and g.rolname = ${tenantsRoleHere}),
    exists (select from pg_database d, aclexplode(d.datacl) a where d.datname = current_database() and a.grantee = r.oid)
  from pg_roles r where rolname in (${roles.join(', ')})
  union all
  select 'database', current_database()::text, null, '', false, 0, false, false`
}

/** What `findStatement` found; a part with the tag of another placement of the tenant is as one of somebody else. */
export function readFound(result: QueryResult | undefined, { spec }: Target<'database'>): Found {
  const rows = (result?.rows ?? []) as Row[]
  const found: { -readonly [K in keyof Found]: Found[K] } = { database: '' }
  for (const row of rows) {
    const part = { name: row.name, owner: readOwnerTag(row.tag, spec.placement) }
    if (row.part === 'database') found.database = row.name
    else if (row.part === 'schema') found.schema = { ...part, ownedBy: row.owned_by }
    else
      found[row.name === spec.properties.ownerRole ? 'ownerRole' : 'appRole'] = {
        ...part,
        canLogin: row.can_login,
        connectionLimit: row.connection_limit,
        isMember: row.is_member,
        hasOwnGrant: row.has_own_grant,
      }
  }
  return found
}

/** What the app role needs to come into this database, each by itself. */
export function entriesOf({ appRole }: Found): { login: boolean; membership: boolean } {
  return { login: appRole?.canLogin === true, membership: appRole?.isMember === true || appRole?.hasOwnGrant === true }
}

/** The parts that exist, with what to call them. */
export function partsOf(found: Found): { kind: 'schema' | 'role'; part: Part }[] {
  const all = [
    { kind: 'schema' as const, part: found.schema },
    { kind: 'role' as const, part: found.ownerRole },
    { kind: 'role' as const, part: found.appRole },
  ]
  return all.flatMap(({ kind, part }) => (part === undefined ? [] : [{ kind, part }]))
}

/** One sentence on what exists under these names and is not the tenant's; undefined when there is nothing of the kind. */
export function foreignIn(found: Found, tenantId: string): string | undefined {
  const foreign = partsOf(found).find(({ part }) => part.owner !== tenantId)
  if (foreign === undefined) return undefined
  return `${foreign.kind} "${foreign.part.name}" exists in database "${found.database}" and is not marked as this tenant's; it was left as it is`
}

/** Throws `resource_not_owned`, naming it, when something of these names exists and does not carry the tenant's tag. */
export function refuseForeign(found: Found, tenantId: string): void {
  const foreign = foreignIn(found, tenantId)
  if (foreign !== undefined)
    throw new FreeholdError('resource_not_owned', `${foreign}. Remove or rename it, then retry`)
}
