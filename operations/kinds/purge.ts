import { removalSteps } from '../../domain/steps.ts'
import { releasePlaces } from '../../registry/capacity.ts'
import { certifyDeletion } from '../certify.ts'
import { eraseTenant } from '../erase.ts'
import { placementEvents } from '../doors.ts'
import { assertMayEnd } from '../legal-hold.ts'
import { operationEvent } from '../operation-event.ts'
import type { Kind } from './kind.ts'

/** Ends a tenant for good: what is left of it, its places, and the key that everything was sealed with. */
export const purge: Kind = {
  needsConfirmation: true,
  summary: 'Remove a tenant for good: every resource that is left, then its key; the slug is free again',

  async begun(sql, { operation, tenant }) {
    // A hold that came after the command was accepted.
    await assertMayEnd(sql, operation.kind, tenant)
    return []
  },
  prepare: ({ ledger }) => ({ specs: [], steps: removalSteps(ledger.map(({ spec }) => spec)) }),

  async succeed(sql, held) {
    const { operation, tenant } = held
    const erased = await eraseTenant(sql, tenant.id)
    const certified = await certifyDeletion(sql, held, erased)
    const released = placementEvents(operation, await releasePlaces(sql, tenant.id))
    const destroyed = operationEvent(operation, 'system:worker', 'TENANCY_KEY_DESTROYED', {
      fingerprint: erased.keyFingerprint,
      ...(erased.masterKey === null ? {} : { masterKey: erased.masterKey }),
    })
    return [...(erased.keyFingerprint === null ? [] : [destroyed]), ...released, certified]
  },
}
