import pg, { type ClientBase, type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { databaseIdentifier, quoteIdentifier } from '../../../domain/names.ts'
import { ownerTag, readOwnerTag } from '../../../domain/owner-tag.ts'
import type { Target } from '../../mapper.ts'
import { ownDatabaseNeeds, unmet } from './bootstrap-plan.ts'
import { together, type Connections } from './connections.ts'
import { claimed, type SideState } from './placement.ts'
import { tenantsRole } from './tenants-role.ts'

type DatabaseTarget = Target<'database'>

/**
 * Connections to the cell's database, where the claim of a database of its own is kept so that it outlives it, and others
 * for what no transaction can hold: a database is made and dropped while a transaction of the first holds the claim.
 */
export type OwnConnections = { readonly inCell: Connections; readonly builders: Connections }

/** What there is under the name of a database of its own, in the cluster. */
export type FoundDatabase = {
  readonly name: string
  /** Whole: one whose drop was cut short is as good as gone. */
  readonly isThere: boolean
  readonly hasRole: boolean
  /** One sentence on what is not the tenant's; undefined when there is nothing of the kind. */
  readonly foreign: string | undefined
}

/** Name of the database that is this tenant's alone; undefined where it has a schema in that of the cell. */
export const ownDatabaseOf = ({ spec }: DatabaseTarget): string | undefined => spec.properties.ownDatabase ?? undefined

/** The target as seen from inside of its own database. */
export function insideOf(target: DatabaseTarget, name: string): DatabaseTarget {
  const { cell } = target
  const url = URL.parse(cell.provisionerUrl)
  // What is wrong with it is told where it is used.
  if (url !== null) url.pathname = `/${name}`
  return {
    ...target,
    cell: { ...cell, provisionerUrl: url?.href ?? cell.provisionerUrl, database: { ...cell.database, name } },
  }
}

/**
 * Looks up the database and the role of those who may enter it. A database whose drop was cut short is marked by the server
 * (connection limit -2): nobody can enter it any more, and all that can be done with it is to drop it.
 */
export function findDatabaseStatement(name: string): string {
  return `select 'database' as part, datname::text as name, shobj_description(oid, 'pg_database') as tag,
        datconnlimit = -2 as "isHalfDropped"
      from pg_catalog.pg_database where datname = ${pg.escapeLiteral(name)}
    union all
    select 'role', rolname::text, shobj_description(oid, 'pg_authid'), false
      from pg_catalog.pg_roles where rolname = ${pg.escapeLiteral(tenantsRole(name))}`
}

type Part = { part: 'database' | 'role'; name: string; tag: string | null; isHalfDropped: boolean }

export function readDatabase(
  result: QueryResult | undefined,
  { spec, tenantId }: DatabaseTarget,
  name: string,
): FoundDatabase {
  const parts = (result?.rows ?? []) as Part[]
  const foreign = parts.find(({ tag }) => readOwnerTag(tag, spec.placement) !== tenantId)
  return {
    name,
    isThere: parts.some(({ part, isHalfDropped }) => part === 'database' && !isHalfDropped),
    hasRole: parts.some(({ part }) => part === 'role'),
    foreign:
      foreign &&
      `${foreign.part} "${foreign.name}" exists in the cluster and is not marked as this tenant's; it was left as it is`,
  }
}

/** Throws `resource_not_owned` for a database of this name that is another's. */
export function refuseForeignDatabase({ foreign }: FoundDatabase): void {
  if (foreign !== undefined)
    throw new FreeholdError('resource_not_owned', `${foreign}. Remove or rename it, then retry`)
}

/**
 * Does `work` while a transaction holds the claim in the cell's database: who claims later waits until it is over, and who
 * is late is refused, also when the database itself is gone.
 * @param claim the statement that claims
 * @param work gets what was found, and what gives the state that was claimed, or throws as `claimed`
 */
export function holding<T>(
  { inCell }: OwnConnections,
  target: DatabaseTarget,
  { name, claim }: { name: string; claim: string },
  work: (found: FoundDatabase, claimedState: () => SideState) => Promise<T>,
): Promise<T> {
  return inCell.use(target, async (client) => {
    const results = await together(client, 'begin', claim, findDatabaseStatement(name))
    const result = await work(readDatabase(results[2], target, name), () => claimed(results[1], target).state)
    await together(client, 'commit')
    return result
  })
}

/**
 * Makes the database with its owner tag, closed to PUBLIC, under another name first: it is never seen without. `holding`
 * the claim.
 */
export async function makeDatabase(
  { builders }: OwnConnections,
  target: DatabaseTarget,
  { name, isThere, hasRole }: FoundDatabase,
): Promise<void> {
  if (isThere && hasRole) return
  const tag = pg.escapeLiteral(ownerTag(target.tenantId, target.spec.placement))
  const role = quoteIdentifier(tenantsRole(name))
  const draft = quoteIdentifier(draftOf(name))
  await builders.use(target, async (client) => {
    if (!hasRole)
      await together(client, 'begin', `create role ${role} nologin`, `comment on role ${role} is ${tag}`, 'commit')
    if (isThere) return
    await each(
      client,
      `drop database if exists ${draft} with (force)`,
      `create database ${draft} template template0 allow_connections false`,
      `revoke all on database ${draft} from public`,
      `comment on database ${draft} is ${tag}`,
      `alter database ${draft} with allow_connections true`,
      `drop database if exists ${quoteIdentifier(name)} with (force)`,
      `alter database ${draft} rename to ${quoteIdentifier(name)}`,
    )
  })
}

/** Makes in it what the platform needs there. May run again, and then finds nothing to do. `holding` the claim. */
export async function prepareDatabase(
  { builders }: OwnConnections,
  target: DatabaseTarget,
  name: string,
): Promise<void> {
  await builders.use(insideOf(target, name), async (client) => {
    const { rows } = await client.query<{ role: string }>('select current_user::text as role')
    const needs = ownDatabaseNeeds({ database: name, provisionerRole: rows[0]?.role ?? '' })
    const statements = await unmet(client, needs)
    if (statements.length > 0) await together(client, 'begin', ...statements, 'commit')
  })
}

/**
 * Drops the database and the role of those who may enter it, whoever of the tenant is connected. `holding` the claim. Throws
 * `substrate_unavailable` while somebody is who is above the provisioner.
 */
export async function dropDatabase(
  { builders }: OwnConnections,
  target: DatabaseTarget,
  { name, hasRole }: FoundDatabase,
): Promise<void> {
  await builders.use(target, (client) =>
    each(
      client,
      `drop database if exists ${quoteIdentifier(draftOf(name))} with (force)`,
      `drop database if exists ${quoteIdentifier(name)} with (force)`,
      ...(hasRole ? [`drop role ${quoteIdentifier(tenantsRole(name))}`] : []),
    ).catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError && error.code === insufficientPrivilege)) throw error
      throw new FreeholdError(
        'substrate_unavailable',
        `database "${name}" cannot be dropped: ${error.message}; end the sessions of administrators in it`,
      )
    }),
  )
}

const insufficientPrivilege = '42501'
const draftOf = (name: string) => databaseIdentifier(name, 'new')

/** One statement a round trip: none of them may be in a transaction. */
async function each(client: ClientBase, ...statements: string[]): Promise<void> {
  for (const statement of statements) await client.query(statement)
}
