import type { JsonObject } from '../../../domain/json.ts'
import type { Observation, Removal, SideAtBirth, Target } from '../../mapper.ts'
import {
  announce,
  dropDatabase,
  findDatabase,
  holding,
  insideOf,
  makeDatabase,
  ownDatabaseOf,
  prepareDatabase,
  refuseForeignDatabase,
  type OwnConnections,
} from './own-database.ts'
import { assertRights, dropRoles, observeRoles, onServer } from './own-server.ts'
import { absent, claimToEnsure, claimToFreeze, claimToRemove, claimToThaw, claimToWork } from './placement.ts'
import type { SideState } from './placement.ts'

type DatabaseTarget = Target<'database'>

/** The verbs on roles and schema in the database that a target is connected to. */
export type SchemaVerbs = {
  readonly observe: (target: DatabaseTarget) => Promise<Observation>
  readonly ensure: (target: DatabaseTarget) => Promise<JsonObject>
  readonly freeze: (target: DatabaseTarget) => Promise<void>
  readonly thaw: (target: DatabaseTarget) => Promise<void>
  readonly remove: (target: DatabaseTarget) => Promise<Removal>
}

/**
 * The same verbs where the spec may name a database of the tenant's own. Each that writes claims the row of the cell's
 * database first, which outlives the tenant's, and then does inside what it does in a shared one.
 */
export function ownVerbs(
  connections: OwnConnections,
  schema: SchemaVerbs,
): SchemaVerbs & { readonly inside: (target: DatabaseTarget) => Promise<DatabaseTarget> } {
  /** Claims; gives the target inside when there is such a database. */
  async function entered(target: DatabaseTarget, name: string, claim: string): Promise<DatabaseTarget | undefined> {
    return holding(connections, target, { name, claim }, async (found, claimedState) => {
      refuseForeignDatabase(found)
      claimedState()
      if (!found.isThere) return undefined
      await prepareDatabase(connections, target, name)
      return insideOf(target, name)
    })
  }

  async function observe(target: DatabaseTarget): Promise<Observation> {
    const name = ownDatabaseOf(target)
    if (name === undefined) return schema.observe(target)
    const found = await findDatabase(connections.inCell, target, name)
    if (found.foreign !== undefined) return { exists: true, owner: undefined, frozen: false, facts: {} }
    // Roles are of the cluster and may have stayed behind.
    return found.isThere ? schema.observe(insideOf(target, name)) : observeRoles(connections.inCell, target)
  }

  async function ensure(target: DatabaseTarget): Promise<JsonObject> {
    const name = ownDatabaseOf(target)
    if (name === undefined) return schema.ensure(target)
    if (target.cell.server !== undefined) await assertRights(connections.builders, target)
    await announce(connections, target, claimToEnsure(target))
    const birth = await holding(
      connections,
      target,
      { name, claim: claimToEnsure(target) },
      async (found, claimedState) => {
        refuseForeignDatabase(found)
        const birth = bornAs(claimedState())
        await makeDatabase(connections, target, found)
        await prepareDatabase(connections, target, name)
        return birth
      },
    )
    return { database: name, ...whereIs(target), ...(await schema.ensure({ ...insideOf(target, name), birth })) }
  }

  async function freeze(target: DatabaseTarget): Promise<void> {
    const name = ownDatabaseOf(target)
    if (name === undefined) return schema.freeze(target)
    const inside = await entered(target, name, claimToFreeze(target))
    if (inside !== undefined) await schema.freeze(inside)
  }

  async function thaw(target: DatabaseTarget): Promise<void> {
    const name = ownDatabaseOf(target)
    if (name === undefined) return schema.thaw(target)
    const inside = await entered(target, name, claimToThaw(target))
    if (inside === undefined) throw absent(target)
    return schema.thaw(inside)
  }

  async function remove(target: DatabaseTarget): Promise<Removal> {
    const name = ownDatabaseOf(target)
    if (name === undefined) return schema.remove(target)
    const claim = claimToRemove(target)
    const look = await holding(connections, target, { name, claim }, async (found, claimedState) => {
      claimedState()
      if (found.isThere && found.foreign === undefined) await prepareDatabase(connections, target, name)
      return found
    })
    if (look.foreign !== undefined) return { outcome: 'not-owned', what: look.foreign }
    if (look.isUnseen) return { outcome: 'absent' }
    if (look.isThere) {
      const inside = await schema.remove(insideOf(target, name))
      if (inside.outcome === 'not-owned') return inside
    }
    await holding(connections, target, { name, claim }, (found, claimedState) => {
      claimedState()
      refuseForeignDatabase(found)
      return dropDatabase(connections, target, found)
    })
    // Roles of a database that somebody else has dropped.
    const left = await dropRoles(connections.builders, target)
    return look.isThere && left.outcome === 'absent' ? { outcome: 'removed' } : left
  }

  return {
    observe,
    ensure,
    freeze,
    thaw,
    remove,
    async inside(target) {
      const name = ownDatabaseOf(target)
      if (name === undefined) return target
      const inside = await entered(target, name, claimToWork(target))
      if (inside === undefined) throw absent(target)
      return inside
    },
  }
}

/** For people: the server of the tenant's own, where there is one. */
function whereIs(target: DatabaseTarget): JsonObject {
  const { secret, database } = onServer(target).cell
  return secret === undefined ? {} : { server: `${database.host}:${database.port}`, secret }
}

/** A side that is in the cell's row and not in its database yet is born as the row says. */
function bornAs(state: SideState): SideAtBirth {
  return state === 'active' || state === 'suspended' ? state : 'standby'
}
