import pg from 'pg'
import { together } from '../mappers/database/connections.ts'
import { endingStatements } from '../mappers/database/sessions.ts'
import { loginStatement } from '../mappers/database/statements.ts'
import { cleanMove, isThere } from './clean.ts'
import type { EndName } from './cutover.ts'
import { withMover, withProvisioner, type Move } from './end.ts'
import { rowOf } from './side.ts'

/** Closes the side that the tenant has left: nobody logs in, and whoever is in goes. */
export async function closeSource({ source }: Move, signal: AbortSignal): Promise<void> {
  const { appRole } = source.names
  await withProvisioner(source, signal, async (client) => {
    await client.query(loginStatement(appRole, false))
    await together(client, 'begin', ...endingStatements(appRole), 'commit')
  })
}

/**
 * Takes away what a move has made, once one side is given up: that is retired first, so that no cut that wakes up late can open it. Run
 * again it finds nothing to do. A side that was never made is none to give up.
 */
export async function withdraw(move: Move, gone: EndName, fence: number, signal: AbortSignal): Promise<void> {
  const end = move[gone]
  if (await isThere(end, signal))
    await withMover(end, { signal }, async (client) => {
      if (end.isOwn === true) await client.query(endOthers)
      await client.query(
        `update tenancy.placement set state = 'retired', fence = greatest(fence, ${fence}), updated_at = now()
          where ${rowOf(move, end)} and state not in ('active', 'suspended', 'retired')`,
      )
    }).catch(unlessUnprepared)
  await cleanMove(move, signal)
}

/**
 * Ends what a worker that is cut off has left there, and the snapshots that another one holds: the provisioner may not, and the
 * database cannot be dropped while they are in it.
 */
const endOthers = `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
  where usename = current_user and datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid()
    and backend_type = 'client backend'`

/** A database that was made and not prepared has no such table yet, or lets nobody see it. */
function unlessUnprepared(error: unknown): void {
  if (!(error instanceof pg.DatabaseError && /^(42501|42P01|3F000)$/.test(error.code ?? ''))) throw error
}
