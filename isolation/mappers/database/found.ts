import type { ClientBase } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { readOwnerTag } from '../../../domain/owner-tag.ts'
import type { DatabaseProperties } from './properties.ts'

/** One thing of a tenant in the catalogues, with whose it says it is. */
type Part = { readonly name: string; readonly owner: string | undefined }
type FoundSchema = Part & { readonly ownedBy: string }
type FoundRole = Part & {
  readonly canLogin: boolean
  readonly connectionLimit: number
  readonly mayConnect: boolean
}

/** What the catalogues say of the names of one tenant environment. */
export type Found = {
  readonly database: string
  readonly schema?: FoundSchema
  readonly ownerRole?: FoundRole
  readonly appRole?: FoundRole
}

const query = `
  select 'schema' as part, nspname::text as name, obj_description(oid, 'pg_namespace') as tag, current_database() as database,
    pg_get_userbyid(nspowner)::text as owned_by, false as can_login, 0 as connection_limit, false as may_connect
  from pg_catalog.pg_namespace where nspname = $1
  union all
  select case rolname when $2 then 'ownerRole' else 'appRole' end, rolname::text, shobj_description(oid, 'pg_authid'), current_database(),
    '', rolcanlogin, rolconnlimit, has_database_privilege(oid, current_database(), 'CONNECT')
  from pg_catalog.pg_roles where rolname in ($2, $3)
  union all
  select 'database', '', null, current_database(), '', false, 0, false`

type Row = {
  part: keyof Found
  name: string
  tag: string | null
  database: string
  owned_by: string
  can_login: boolean
  connection_limit: number
  may_connect: boolean
}

/** Looks up schema and roles by name, whoever they belong to. */
export async function find(client: ClientBase, names: DatabaseProperties): Promise<Found> {
  const { rows } = await client.query<Row>(query, [names.schema, names.ownerRole, names.appRole])
  const found: { -readonly [K in keyof Found]: Found[K] } = { database: rows[0]?.database ?? '' }
  for (const row of rows) {
    const part = { name: row.name, owner: readOwnerTag(row.tag) }
    const role = { canLogin: row.can_login, connectionLimit: row.connection_limit, mayConnect: row.may_connect }
    if (row.part === 'schema') found.schema = { ...part, ownedBy: row.owned_by }
    else if (row.part !== 'database') found[row.part] = { ...part, ...role }
  }
  return found
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

/** Throws `resource_not_owned`, naming it, when something of these names exists and does not carry the tenant's tag. */
export function refuseForeign(found: Found, tenantId: string): void {
  const foreign = partsOf(found).find(({ part }) => part.owner !== tenantId)
  if (foreign === undefined) return
  throw new FreeholdError(
    'resource_not_owned',
    `${foreign.kind} "${foreign.part.name}" exists in database "${found.database}" and is not marked as this tenant's; it was left as it is. Remove or rename it, then retry`,
  )
}
