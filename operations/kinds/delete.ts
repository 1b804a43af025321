import { freezeSteps } from '../../domain/steps.ts'
import { fencePlacements } from '../doors.ts'
import { assertMayEnd } from '../legal-hold.ts'
import { schedulePurge } from '../retention.ts'
import type { Kind } from './kind.ts'

/** Closes a tenant and lets it rest for its retention; then it is purged, unless it is undeleted before. */
export const deleteTenant: Kind = {
  summary: 'Delete a tenant: closed at once, and purged when its retention is over; undelete gives it back until then',

  async begun(sql, held) {
    // A hold that came after the command was accepted; one that comes once it has begun keeps the tenant from its purge.
    if (held.operation.stateBefore === null) await assertMayEnd(sql, held.operation.kind, held.tenant)
    await sql({
      name: 'put-aside',
      text: `update tenants set state_before = coalesce(state_before, $2), updated_at = now() where id = $1`,
      values: [held.tenant.id, held.operation.stateBefore ?? held.tenant.state],
    })
    return fencePlacements(sql, held)
  },
  prepare: ({ ledger }) => ({ specs: [], steps: freezeSteps(ledger.map(({ spec }) => spec)) }),
  succeed: schedulePurge,
}
