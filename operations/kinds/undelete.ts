import { freezeSteps, thawSteps } from '../../domain/steps.ts'
import { fencePlacements, openPlacements } from '../doors.ts'
import { cancelPurge } from '../retention.ts'
import { presentOf, type Kind } from './kind.ts'

/** Gives a deleted tenant back as it was: the same tenant, in the state before, suspended where it was. */
export const undelete: Kind = {
  summary: 'Give a deleted tenant back, in the state it had, as long as its retention lasts',

  begun: fencePlacements,
  prepare: ({ ledger, tenant }) => ({
    specs: [],
    steps: tenant.stateBefore === 'active' && !tenant.suspended ? thawSteps(presentOf(ledger)) : [],
  }),
  undo: ({ ledger }) => freezeSteps(ledger.map(({ spec }) => spec)),
  async succeed(sql, held) {
    const cancelled = await cancelPurge(sql, held)
    const wasOpen = held.tenant.stateBefore === 'active'
    return [...cancelled, ...(wasOpen ? await openPlacements(sql, held, 'suspended') : [])]
  },
}
