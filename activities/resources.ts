import { FreeholdError } from '../domain/errors.ts'
import type { Mapper, Target } from '../isolation/mapper.ts'
import { carryOut, type StepInput } from './carry-out.ts'
import type { ActivityDeps } from './deps.ts'

/**
 * Activities that work on one resource: each is one verb of a mapper between the claim of its step and the end of it.
 * Which resource, and whose, is what the operation recorded; the caller names the step alone.
 */
export function createResourceActivities(deps: ActivityDeps) {
  return {
    /** Makes the resource exist as its spec says. */
    ensure: (given: StepInput) =>
      carryOut(deps, 'ensure', given, async (mapper: Mapper, target, { wasPresent, changes }) => {
        const facts = await mapper.ensure(target)
        if (!wasPresent) return { facts, event: { type: 'TENANCY_RESOURCE_CREATED' } }
        if (!changes) return { facts }
        return { facts, event: { type: 'TENANCY_RESOURCE_CHANGED', data: { properties: target.spec.properties } } }
      }),

    /** Brings the schema of a database to the version of the step. */
    migrate: (given: StepInput) =>
      carryOut(deps, 'migrate', given, async (_, target, { step, facts }) => {
        const version = step.schemaVersion
        if (target.spec.kind !== 'database' || version === undefined)
          throw new TypeError(`${step.key} migrates nothing`)
        const migrations = await deps.migrations.migrationsUpTo(version)
        const { applied } = await deps.mappers.database.migrate({ ...target, spec: target.spec }, migrations)
        // By the ledger, not by what ran just now: an attempt whose answer was lost ran it and could not tell.
        const isNews = facts['schemaVersion'] !== version || applied.length > 0
        const event = { type: 'TENANCY_SCHEMA_MIGRATED' as const, data: { version, applied } }
        return { facts: { schemaVersion: version }, ...(isNews ? { event } : {}) }
      }),

    /** Closes the resource to the tenant. */
    freeze: (given: StepInput) =>
      carryOut(deps, 'freeze', given, async (mapper, target) => {
        await mapper.freeze(target)
        return { event: { type: 'TENANCY_RESOURCE_CLOSED' as const } }
      }),

    /** Opens the resource again, unless the latch of suspend was set meanwhile. */
    thaw: (given: StepInput) =>
      carryOut(deps, 'thaw', given, async (mapper, target, { suspended }) => {
        if (suspended) return {}
        await mapper.thaw(target)
        return { event: { type: 'TENANCY_RESOURCE_OPENED' as const } }
      }),

    /** Destroys the resource with its data. What is there and was made by another is left alone. */
    remove: (given: StepInput) =>
      carryOut(deps, 'remove', given, async (mapper, target, { kind, step, wasPresent }) => {
        const removal = await mapper.remove(target)
        // It was the tenant's once: forgetting it would let a purge succeed that left something behind.
        if (removal.outcome === 'not-owned' && wasPresent)
          throw new FreeholdError(
            'resource_not_owned',
            `${removal.what} It was this tenant's and was left as it is: give the mark back or remove it, then retry`,
          )
        const isForGood = kind === 'purge' || step.inForce === true
        const found = isForGood ? await lookAgain(mapper, target) : {}
        return { event: { type: 'TENANCY_RESOURCE_REMOVED' as const, data: { result: removal.outcome, ...found } } }
      }),

    /** Renews the resource's credential: once for an operation, however often it is tried. */
    rotate: (given: StepInput) =>
      carryOut(deps, 'rotate', given, async (mapper, target, { operationId }) => {
        await mapper.rotate?.(target, operationId)
        return { event: { type: 'TENANCY_CREDENTIALS_ROTATED' as const } }
      }),
  }
}
/**
 * The proof that nothing is left of a resource: the world is asked again. Throws `leftovers_found` for what is there; a store
 * that is slow to forget is asked once more by the next try.
 */
async function lookAgain(mapper: Mapper, target: Target): Promise<{ foundAgain: 'nothing' }> {
  const seen = await mapper.observe(target)
  // A share of the runtime is there always; what is the tenant's of it is its open work.
  const isLeft = seen.exists && (target.spec.kind !== 'runtime' || seen.facts['open'] !== 0)
  if (!isLeft) return { foundAgain: 'nothing' }
  const { name, key } = target.spec
  throw new FreeholdError('leftovers_found', `${name} (${key}) was removed and is there again; end what makes it`)
}
export type ResourceActivities = ReturnType<typeof createResourceActivities>
