import { setTimeout } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'

const waitPerSessionMs = 2_000
const lookAgainMs = 50
const maxLooks = 20

/**
 * Ends every session of a role that can log in no more, and gives when none is left. Looks once more after a moment: a
 * login that was let in just before shows up late. Throws `substrate_unavailable` when sessions will not end.
 */
export async function endSessions(client: ClientBase, role: string): Promise<void> {
  let quiet = 0
  for (let look = 0; look < maxLooks; look += 1) {
    const { rowCount } = await client.query(
      'select pg_terminate_backend(pid, $2) from pg_stat_activity where usename = $1',
      [role, waitPerSessionMs],
    )
    quiet = rowCount === 0 ? quiet + 1 : 0
    if (quiet === 2) return
    if (quiet === 1) await setTimeout(lookAgainMs)
  }
  throw new FreeholdError('substrate_unavailable', `sessions of role "${role}" do not end`)
}
