import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { quoteIdentifier } from '../../../domain/names.ts'
import { together, type Caller, type Connections } from './connections.ts'

const waitPerSessionMs = 2_000
const lookAgainMs = 50
const maxLooks = 20

/**
 * Statements, for inside of a transaction, that end every session of a role, or those of a condition. As the role itself,
 * which needs no further right. The second gives a row for each session.
 */
export function endingStatements(role: string, condition = 'true'): string[] {
  return [
    `set local role ${quoteIdentifier(role)}`,
    `select pg_catalog.pg_terminate_backend(pid, ${waitPerSessionMs}) from pg_catalog.pg_stat_activity
     where usename = current_user and pid <> pg_catalog.pg_backend_pid() and ${condition}`,
    'reset role',
  ]
}

/**
 * Ends every session of a role that can log in no more, or those that began before a time, and gives when none is left.
 * Looks once more after a moment: a login that was let in just before shows up late. Throws `substrate_unavailable` when
 * sessions will not end.
 */
export async function endSessions(
  connections: Connections,
  caller: Caller,
  role: string,
  before?: string,
): Promise<void> {
  const condition = before === undefined ? 'true' : `backend_start < ${pg.escapeLiteral(before)}`
  await connections.use(caller, async (client) => {
    let quiet = 0
    for (let look = 0; look < maxLooks; look += 1) {
      const [, , ended] = await together(client, 'begin', ...endingStatements(role, condition), 'commit')
      quiet = ended?.rowCount === 0 ? quiet + 1 : 0
      if (quiet === 2) return
      if (quiet === 1) await setTimeout(lookAgainMs, undefined, { signal: caller.signal })
    }
    throw new FreeholdError('substrate_unavailable', `sessions of role "${role}" do not end`)
  })
}
