import { cancellationSignal } from '@temporalio/activity'
import { errorText, FreeholdError } from '../domain/errors.ts'
import type { Observed } from '../domain/drift.ts'
import { readSpec } from '../domain/resources.ts'
import type { Mapper } from '../isolation/mapper.ts'
import { readObservable, type Observable } from '../operations/observable.ts'
import { sqlOf } from '../registry/pool.ts'
import type { ActivityDeps } from './deps.ts'
import { toApplicationFailure } from './failure.ts'
import { targetOf } from './target.ts'

/** How long one look at one resource may take. */
const lookMs = 10_000
/** No claim has it, so nothing can be written under it. */
const noFence = 0

/** Looking at the world without an operation: nothing is claimed, and nothing is changed. */
export function createObserveActivities(deps: ActivityDeps) {
  async function look(tenantId: string, { spec, specVersion, cell, bus, ...more }: Observable): Promise<Observed> {
    try {
      if (cell === null) throw new FreeholdError('internal', `${spec.key} is in no cell of the registry`)
      const subject = {
        ...more,
        tenantId,
        spec: readSpec(spec, specVersion),
        cell,
        bus,
        fence: noFence,
        birth: 'suspended' as const,
      }
      const target = await targetOf(deps, subject, lookMs, cancellationSignal())
      const mapper: Mapper = deps.mappers[spec.kind]
      const seen = await mapper.observe(target)
      if (!seen.exists) return { key: spec.key, exists: false }
      const { owner, frozen, facts } = seen
      return { key: spec.key, exists: true, owner: owner ?? null, frozen, facts }
    } catch (error) {
      cancellationSignal().throwIfAborted()
      // As a failure tells it: without credentials.
      const { type, message } = toApplicationFailure(error)
      return { key: spec.key, exists: null, code: type ?? 'internal', message: message || errorText(error) }
    }
  }

  return {
    /** What there is of everything the ledger has of a tenant. What cannot be looked at is told as such. */
    async observeTenant({ tenantId }: { tenantId: string }): Promise<Observed[]> {
      const all = await readObservable(sqlOf(deps.orm.pool), deps.platform, tenantId)
      return Promise.all(all.map((one) => look(tenantId, one)))
    },
  }
}
