import type { QueryResult } from 'pg'
import type { Target } from '../../mapper.ts'
import type { Connections } from './connections.ts'
import type { Found } from './found.ts'
import { endingStatements, endSessions } from './sessions.ts'
import { leaveStatements, loginStatement } from './statements.ts'

/** Which roles are to be closed, of what was found. */
export type Closing = { readonly found: Found; readonly roles: readonly string[] }

/**
 * Closes roles for logins and ends their sessions, those that were just coming in too. The roles first leave those who may enter the database: a tenant can hold its own row in
 * `pg_authid`, by a change of its password in a transaction that stays open, and `alter role` would wait for it. The row of
 * the membership it cannot hold.
 * @param first statements with the claim; each transaction begins with them
 * @param decide gets their results, and refuses a claim that is over
 */
export async function closeRoles(
  connections: Connections,
  target: Target<'database'>,
  first: readonly string[],
  decide: (results: QueryResult[]) => Closing,
): Promise<void> {
  const closing = await connections.transaction(target, first, (results) => {
    const { found, roles } = decide(results)
    return { last: leaveStatements(found, roles), result: roles }
  })
  if (closing.length === 0) return
  // Ended in the same transaction, so that nobody who came in from another database has time to hold the row again.
  await connections.transaction(target, first, (results) => {
    const { roles } = decide(results)
    return {
      last: roles.flatMap((role) => [...endingStatements(role), loginStatement(role, false)]),
      result: undefined,
    }
  })
  for (const role of closing) await endSessions(connections, target, role)
}
