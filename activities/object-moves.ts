import type { JsonObject } from '../domain/json.ts'
import type { Target } from '../isolation/mapper.ts'
import { handOverObjects, mirrorObjects } from '../isolation/mappers/object-store/mirror.ts'
import type { Claim } from '../operations/claim.ts'
import { isSuspended } from '../operations/publish-cut.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { sqlOf } from '../registry/pool.ts'
import { noteRelocation } from '../registry/relocations.ts'
import { carryOut, type StepInput } from './carry-out.ts'
import type { ActivityDeps } from './deps.ts'
import { placesOf } from './places-of.ts'

type Moving = { relocation: RelocationRow; source: Target<'object-store'>; target: Target<'object-store'> }

/** Activities that move the objects of an environment from one area to another; each may be run again at any point. */
export function createObjectMoveActivities(deps: ActivityDeps) {
  const sql = sqlOf(deps.orm.pool)
  const { 'object-store': mapper } = deps.mappers

  const moving = (
    action: 'carry' | 'handOver' | 'takeBack',
    given: StepInput,
    act: (moving: Moving, claim: Claim) => Promise<JsonObject>,
  ) =>
    carryOut(deps, action, given, async (_, on, claim) => {
      const found = await placesOf(deps, claim, on, 'object-store')
      const data = { relocation: found.relocation.id, step: action, ...(await act(found, claim)) }
      return { event: { type: 'TENANCY_RELOCATION_ADVANCED' as const, data } }
    })

  /** Opens an area again, unless the latch of suspend is set. */
  async function thawed(area: Target<'object-store'>): Promise<void> {
    if (!(await isSuspended(sql, area.tenantId))) await mapper.thaw(area)
  }

  return {
    /** Brings the objects over while the tenant goes on to write; what comes late follows. */
    carry: (given: StepInput) =>
      moving('carry', given, async ({ relocation, source, target }) => {
        await noteRelocation(sql, relocation.id, { phase: 'objects' })
        return mirrorObjects(source, target)
      }),

    /** Closes the old area, brings what came late, and sees that both hold the same; the new one is opened by a step of its own. */
    handOver: (given: StepInput) =>
      moving('handOver', given, async ({ relocation, source, target }) => {
        if (relocation.facts.objects !== undefined) return relocation.facts.objects
        const objects = await handOverObjects(source, target)
        await noteRelocation(sql, relocation.id, { phase: 'objects', facts: { objects } })
        return objects
      }),

    /** Sees that the old area has everything, and is open. */
    takeBack: (given: StepInput) =>
      moving('takeBack', given, async ({ relocation, source, target }) => {
        // Before they were handed over, the old area has everything, and may have been closed.
        const objects = relocation.facts.objects === undefined ? {} : await handOverObjects(target, source)
        await thawed(source)
        return objects
      }),
  }
}
export type ObjectMoveActivities = ReturnType<typeof createObjectMoveActivities>
