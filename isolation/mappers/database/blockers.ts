import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { endingStatements } from './sessions.ts'
import { tenantsRoleHere } from './tenants-role.ts'

/** Time enough for a lock of a moment to be given up. */
const lookMs = 300

/**
 * Gives what `work` gives, and ends meanwhile the sessions of other tenants whose locks it waits for. PostgreSQL lets every
 * role lock things that it has no right on, by a default privilege for a role or a function that describes a view, for as
 * long as its transaction is open.
 * @param pidOf gives the server process that works, as soon as it is known
 */
export async function endingBlockers<T>(
  connections: Connections,
  target: Target<'database'>,
  pidOf: () => number | undefined,
  work: Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const watching = (async () => {
    for (;;) {
      await sleep(lookMs, undefined, { signal: AbortSignal.any([target.signal, over.signal]) })
      const pid = pidOf()
      // A look that fails is not what the work fails of.
      if (pid !== undefined) await endBlockers(connections, target, pid).catch(() => {})
    }
  })().catch(() => {})
  try {
    return await work
  } finally {
    over.abort()
    await watching
  }
}

/** Of roles that may enter as tenants, and not those of the target: never a session of the platform or an administrator. */
async function endBlockers(connections: Connections, target: Target<'database'>, pid: number): Promise<void> {
  const { ownerRole, appRole } = target.spec.properties
  const isBlocking = `pid = any (pg_catalog.pg_blocking_pids(${pid}))`
  const blockers = `select distinct usename as role from pg_catalog.pg_stat_activity
    where ${isBlocking} and usename not in (${[ownerRole, appRole].map(pg.escapeLiteral).join(', ')})
      and exists (select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
        where m.member = usesysid and m.inherit_option and g.rolname = ${tenantsRoleHere})`
  await connections.use(target, async (client) => {
    const [found] = await together(client, blockers)
    for (const { role } of (found?.rows ?? []) as { role: string }[])
      await together(client, 'begin', ...endingStatements(role, isBlocking), 'commit')
  })
}
