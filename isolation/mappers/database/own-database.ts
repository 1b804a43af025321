import pg, { type ClientBase, type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { databaseIdentifier, quoteIdentifier } from '../../../domain/names.ts'
import { ownerTag, readOwnerTag } from '../../../domain/owner-tag.ts'
import type { Target } from '../../mapper.ts'
import { ownDatabaseNeeds, unmet } from './bootstrap-plan.ts'
import { together, type Connections } from './connections.ts'
import { hadRow, onServer } from './own-server.ts'
import { claimed, readPlacement, type SideState } from './placement.ts'
import { tenantsRole } from './tenants-role.ts'

type DatabaseTarget = Target<'database'>

/**
 * Connections to the cell's database, where the claim of a database of its own is kept so that it outlives it, on whatever
 * server that is; and others for what no transaction can hold: a database is made and dropped while a transaction of the first
 * holds the claim.
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
  /** The server was not asked, and nothing was ever made there. */
  readonly isUnseen?: true
}

/** Name of the database that is this tenant's alone; undefined where it has a schema in that of the cell. */
export const ownDatabaseOf = ({ spec }: DatabaseTarget): string | undefined => spec.properties.ownDatabase ?? undefined

/** The target as seen from inside of its own database. */
export function insideOf(target: DatabaseTarget, name: string): DatabaseTarget {
  const { cell, ...rest } = onServer(target)
  const url = URL.parse(cell.provisionerUrl)
  // What is wrong with it is told where it is used.
  if (url !== null) url.pathname = `/${name}`
  return {
    ...rest,
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
  connections: OwnConnections,
  target: DatabaseTarget,
  { name, claim }: { name: string; claim: string },
  work: (found: FoundDatabase, claimedState: () => SideState) => Promise<T>,
): Promise<T> {
  return connections.inCell.use(target, async (client) => {
    const [, before, claiming, seen] = await together(
      client,
      'begin',
      readPlacement(target),
      claim,
      ...(isElsewhere(target) ? [] : [findDatabaseStatement(name)]),
    )
    const claimedState = () => claimed(claiming, target).state
    const found = isElsewhere(target)
      ? await lookThere(connections, target, name, { before })
      : readDatabase(seen, target, name)
    const result = await work(found, claimedState)
    await together(client, 'commit')
    return result
  })
}

/** Whether the database is on another server than the claim. */
const isElsewhere = ({ cell }: DatabaseTarget) => cell.server !== undefined

/**
 * Looks on the tenant's own server. One that cannot be reached has nothing of the tenant when there was never a claim before:
 * `announce` commits one before anything is made there.
 */
async function lookThere(
  { builders }: OwnConnections,
  target: DatabaseTarget,
  name: string,
  { before }: { before: QueryResult | undefined },
): Promise<FoundDatabase> {
  try {
    return await findDatabase(builders, target, name)
  } catch (error) {
    if (target.signal.aborted || hadRow(before)) throw error
    return { name, isThere: false, hasRole: false, foreign: undefined, isUnseen: true }
  }
}

/** Looks up the database, on the server where it is. */
export async function findDatabase(
  connections: Connections,
  target: DatabaseTarget,
  name: string,
): Promise<FoundDatabase> {
  const [result] = await connections.use(onServer(target), (client) => together(client, findDatabaseStatement(name)))
  return readDatabase(result, target, name)
}

/** Commits a claim in the cell's database before anything is made on another server. Throws as `claimed`. */
export async function announce({ inCell }: OwnConnections, target: DatabaseTarget, claim: string): Promise<void> {
  if (isElsewhere(target))
    await inCell.transaction(target, [claim], ([result]) => {
      claimed(result, target)
      return { last: [], result: undefined }
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
  await builders.use(onServer(target), async (client) => {
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
  await builders.use(onServer(target), (client) =>
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
