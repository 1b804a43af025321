import pg, { type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { quoteIdentifier } from '../../../domain/names.ts'
import type { CellAccess, Observation, Removal, Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { findStatement, foreignIn, partsOf, readFound, type Found } from './found.ts'
import { endingStatements } from './sessions.ts'

type DatabaseTarget = Target<'database'>

/** The release whose rules on roles the statements of this folder go by. */
const oldestVersion = 160_000

/**
 * The target as seen from the server that its database is on: a tenant's own, or that of the cell. What is wrong with the URL is
 * told where it is used.
 */
export function onServer(target: DatabaseTarget): DatabaseTarget {
  const { server } = target.cell
  return server === undefined ? target : { ...target, cell: atServer(target.cell, server) }
}

function atServer(cell: CellAccess, { secret, url }: NonNullable<CellAccess['server']>): CellAccess {
  const { hostname = '', port = '', pathname = '', username = '' } = URL.parse(url) ?? {}
  const name = decodeURIComponent(pathname.slice(1)) || username
  return { ...cell, provisionerUrl: url, secret, database: { host: hostname, port: Number(port || 5432), name } }
}

type Rights = {
  version: number
  role: string
  isSuperuser: boolean
  canCreateRoles: boolean
  canCreateDatabases: boolean
  isStandby: boolean
}

/**
 * Whether a tenant's own server can be worked on, asked before anything is made there. Throws `byoc_rights_missing`, with each thing
 * that is missing and the statement that gives it.
 */
export async function assertRights(connections: Connections, target: DatabaseTarget): Promise<void> {
  const at = onServer(target)
  const rights = await connections.use(at, async (client) => {
    const { rows } =
      await client.query<Rights>(`select current_setting('server_version_num')::int as version, rolname::text as role,
        rolsuper as "isSuperuser", rolcreaterole as "canCreateRoles", rolcreatedb as "canCreateDatabases",
        pg_catalog.pg_is_in_recovery() as "isStandby"
      from pg_catalog.pg_roles where rolname = current_user`)
    return rows[0]
  })
  const lacks = rights === undefined ? [] : missing(rights)
  if (lacks.length === 0) return
  const { host, port } = at.cell.database
  throw new FreeholdError(
    'byoc_rights_missing',
    `the server of secret "${at.cell.secret}" (${host}:${port}) cannot hold a tenant: ${lacks.join('; ')}`,
    { facts: { secret: at.cell.secret, missing: lacks } },
  )
}

function missing({ version, role, isStandby, ...rights }: Rights): string[] {
  const alter = (right: string) => `alter role ${pg.escapeIdentifier(role)} ${right}`
  const lacks: [boolean, string][] = [
    [
      version < oldestVersion,
      `it is PostgreSQL ${Math.floor(version / 10_000)}, and 16 or newer is needed: upgrade it`,
    ],
    [isStandby, 'it is a standby: name the primary'],
    [!rights.canCreateRoles, `its login may not make roles: ${alter('createrole')}`],
    [!rights.canCreateDatabases, `its login may not make databases: ${alter('createdb')}`],
    [
      rights.isSuperuser,
      `its login is a superuser, which Freehold refuses to be: ${alter('nosuperuser createrole createdb')}`,
    ],
  ]
  return lacks.flatMap(([isMissing, text]) => (isMissing ? [text] : []))
}

/** The roles alone: a schema of that name in the database that is asked is of another placement. */
const lookUp = (connections: Connections, target: DatabaseTarget): Promise<Found> =>
  connections.use(target, async (client) => {
    const [result] = await together(client, findStatement(target.spec.properties))
    const { schema: _schema, ...roles } = readFound(result, target)
    return roles
  })

/** What is left of a database that is not there: its roles, which are of the server. */
export async function observeRoles(connections: Connections, target: DatabaseTarget): Promise<Observation> {
  const parts = partsOf(await lookUp(connections, onServer(target)))
  if (parts.length === 0) return { exists: false }
  const owners = new Set(parts.map(({ part }) => part.owner))
  const facts = { missing: [target.spec.properties.schema], left: parts.map(({ part }) => part.name) }
  return { exists: true, owner: owners.size === 1 ? parts[0]?.part.owner : undefined, frozen: true, facts }
}

/** Drops the roles of a database that is not there any more, which own nothing then. */
export async function dropRoles(connections: Connections, target: DatabaseTarget): Promise<Removal> {
  const at = onServer(target)
  const found = await lookUp(connections, at)
  const what = foreignIn(found, target.tenantId)
  const roles = partsOf(found).flatMap(({ kind, part }) =>
    kind === 'role' && part.owner === target.tenantId ? [part.name] : [],
  )
  await connections.transaction(at, [], () => ({
    last: roles.flatMap((role) => [...endingStatements(role), `drop role ${quoteIdentifier(role)}`]),
    result: undefined,
  }))
  if (what !== undefined) return { outcome: 'not-owned', what }
  return { outcome: roles.length > 0 ? 'removed' : 'absent' }
}

/** Whether a row was there before a claim: nothing is made on a tenant's own server without one that was committed before. */
export const hadRow = (placement: QueryResult | undefined): boolean => (placement?.rows.length ?? 0) > 0
