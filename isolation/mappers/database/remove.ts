import type { Removal, Target } from '../../mapper.ts'
import { endingBlockers } from './blockers.ts'
import { closeRoles } from './close.ts'
import type { Connections } from './connections.ts'
import { findStatement, foreignIn, partsOf, readFound, type Found } from './found.ts'
import { claimed, claimToRemove } from './placement.ts'
import { dropStatements } from './statements.ts'

/**
 * Removes schema and roles, and leaves the placement row as a tombstone. The doors are closed and the sessions ended first,
 * in transactions of their own, because a session holds locks on what is to be dropped.
 */
export async function removeDatabase(connections: Connections, target: Target<'database'>): Promise<Removal> {
  const names = target.spec.properties
  const first = [claimToRemove(target), findStatement(names)]
  await closeRoles(connections, target, first, ([claim, catalogue]) => {
    claimed(claim, target)
    const found = readFound(catalogue, target)
    return { found, roles: doomedOf(found, target).roles }
  })
  let pid: number | undefined
  const self = 'select pg_catalog.pg_backend_pid() as pid'
  const dropping = connections.transaction<Removal>(target, [...first, self], ([claim, catalogue, process]) => {
    pid = (process?.rows as { pid: number }[] | undefined)?.[0]?.pid
    claimed(claim, target)
    const found = readFound(catalogue, target)
    const what = foreignIn(found, target.tenantId)
    const outcome = partsOf(found).length > 0 ? 'removed' : 'absent'
    return {
      last: dropStatements(found, names, doomedOf(found, target)),
      result: what === undefined ? { outcome } : { outcome: 'not-owned', what },
    }
  })
  return endingBlockers(connections, target, () => pid, dropping)
}

/**
 * What of the found may be dropped. When a schema that is not ours belongs to our owner role, the roles stay too: dropping
 * what the role owns would take the schema with it.
 */
function doomedOf(found: Found, { tenantId, spec }: Target<'database'>): { schema: boolean; roles: string[] } {
  const { schema } = found
  const isOurs = (part: { owner: string | undefined } | undefined) => part?.owner === tenantId
  if (schema !== undefined && !isOurs(schema) && schema.ownedBy === spec.properties.ownerRole)
    return { schema: false, roles: [] }
  const roles = [found.ownerRole, found.appRole].flatMap((role) =>
    role !== undefined && isOurs(role) ? [role.name] : [],
  )
  return { schema: isOurs(schema), roles }
}
