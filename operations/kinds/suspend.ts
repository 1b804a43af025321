import { freezeSteps } from '../../domain/steps.ts'
import { fencePlacements, setLatch } from '../doors.ts'
import type { Kind } from './kind.ts'

/**
 * Closes a tenant, whatever else runs. The latch is set when the command is accepted: from then on the context says suspended,
 * nothing is opened, and what is made is born closed. The doors that are open are closed by the steps.
 */
export const suspend: Kind = {
  summary: 'Close a tenant to everybody at once, whatever else runs; its data stays, and its tasks wait',

  accepted: (sql, { id }) => setLatch(sql, id, true),
  begun: fencePlacements,
  prepare: ({ ledger }) => ({ specs: [], steps: freezeSteps(ledger.map(({ spec }) => spec)) }),
}
