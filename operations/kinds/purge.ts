import { removalSteps } from '../../domain/steps.ts'
import { releasePlaces } from '../../registry/capacity.ts'
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

  async succeed(sql, { operation, tenant }) {
    const [{ destroyed } = { destroyed: false }] = await sql<{ destroyed: boolean }>({
      name: 'destroy-key',
      text: `with shredded as (delete from secrets where tenant_id = $1)
        , destroyed as (delete from tenant_keys where tenant_id = $1 returning 1)
        select exists (select from destroyed) as destroyed`,
      values: [tenant.id],
    })
    await releasePlaces(sql, tenant.id)
    return destroyed ? [operationEvent(operation, 'system:worker', 'TENANCY_KEY_DESTROYED', {})] : []
  },
}
