import pg from 'pg'
import { fewIterations, scramVerifier } from '../../crypto/scram.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { quoteIdentifier } from '../../domain/names.ts'
import { together } from '../mappers/database/connections.ts'
import { openStatements } from '../mappers/database/statements.ts'
import { withMover, withProvisioner, type MoveEnd } from './end.ts'

/** The role of the mover at an end. */
const moverOf = ({ moverUrl }: MoveEnd) => decodeURIComponent(new URL(moverUrl).username)

/**
 * Gives the mover the password of its URL, unless it has that: moves that begin at the same time would change the same row,
 * which PostgreSQL refuses. Throws `mover_missing` where the server was never prepared for moves.
 */
export async function lendPassword(end: MoveEnd, signal: AbortSignal): Promise<void> {
  const mover = moverOf(end)
  const isKnown = await withMover(end, { signal }, async () => true).catch(() => false)
  if (isKnown) return
  const password = decodeURIComponent(new URL(end.moverUrl).password)
  const verifier = await scramVerifier(password, { iterations: fewIterations })
  await withProvisioner(end, signal, async (client) => {
    const { rowCount } = await client.query(`select from pg_catalog.pg_roles r
      where rolname = ${pg.escapeLiteral(mover)} and rolreplication and pg_catalog.pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')`)
    if (rowCount === 0) throw missing(mover)
    await client.query(`alter role ${quoteIdentifier(mover)} password ${pg.escapeLiteral(verifier)}`)
  })
}

/**
 * Lets the mover act for the tenant's owner role at one end. Membership is what publishing, locking, revoking (inherit) and applying
 * (set) need. Throws as `lendPassword`.
 */
export async function grantMover(end: MoveEnd, signal: AbortSignal): Promise<void> {
  await lendPassword(end, signal)
  await withProvisioner(end, signal, (client) =>
    client.query(
      `grant ${quoteIdentifier(end.names.ownerRole)} to ${quoteIdentifier(moverOf(end))} with inherit true, set true`,
    ),
  )
}

const missing = (mover: string) =>
  new FreeholdError(
    'mover_missing',
    `the server has no role ${mover} that its provisioner may use; bootstrap the cell again as a superuser, then retry`,
  )

/** Takes the right to act for the tenant's owner role away again. Doing so twice is doing so once. */
export async function revokeMover(end: MoveEnd, signal: AbortSignal): Promise<void> {
  await withProvisioner(end, signal, async (client) => {
    const owner = pg.escapeLiteral(end.names.ownerRole)
    const { rowCount } = await client.query(`select from pg_catalog.pg_auth_members m
      join pg_catalog.pg_roles g on g.oid = m.roleid join pg_catalog.pg_roles p on p.oid = m.member
      where g.rolname = ${owner} and p.rolname = ${pg.escapeLiteral(moverOf(end))}`)
    if (rowCount !== 0)
      await client.query(`revoke ${quoteIdentifier(end.names.ownerRole)} from ${quoteIdentifier(moverOf(end))}`)
  })
}

/** Lets the app role of the side that is going to open log in; what it finds there refuses it until the cut. */
export async function openLogin(end: MoveEnd, signal: AbortSignal): Promise<void> {
  const database = decodeURIComponent(new URL(end.provisionerUrl).pathname.slice(1))
  await withProvisioner(end, signal, (client) =>
    together(client, 'begin', ...openStatements({ database }, end.names), 'commit'),
  )
}
