import pg from 'pg'
import { quoteIdentifier } from '../../domain/names.ts'
import { together } from '../mappers/database/connections.ts'
import { endingStatements } from '../mappers/database/sessions.ts'
import { cleanMove } from './clean.ts'
import type { EndName } from './cutover.ts'
import { withMover, withProvisioner, type Move } from './end.ts'
import { rowOf } from './side.ts'

/** Closes the side that the tenant has left: nobody logs in, and whoever is in goes. */
export async function closeSource({ source }: Move, signal: AbortSignal): Promise<void> {
  const app = quoteIdentifier(source.names.appRole)
  await withProvisioner(source, signal, async (client) => {
    await client.query(`alter role ${app} nologin`)
    await together(client, 'begin', ...endingStatements(source.names.appRole), 'commit')
  })
}

/**
 * Takes away what a move has made, once one side is given up: that is retired first, so that no cut that wakes up late can open it. Run
 * again it finds nothing to do. A side that was never made is none to give up.
 */
export async function withdraw(move: Move, gone: EndName, fence: number, signal: AbortSignal): Promise<void> {
  const end = move[gone]
  try {
    await withMover(end, { signal }, (client) =>
      client.query(
        `update tenancy.placement set state = 'retired', fence = greatest(fence, ${fence}), updated_at = now()
          where ${rowOf(move, end)} and state not in ('active', 'suspended', 'retired')`,
      ),
    )
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await cleanMove(move, signal)
}

/** The database, or the mover's right there, is not there yet or any more. */
export function isMissing(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(3D000|28P01|28000|42501|42P01|3F000)$/.test(error.code ?? '')
}
