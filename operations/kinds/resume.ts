import { freezeSteps, thawSteps } from '../../domain/steps.ts'
import { fencePlacements, openPlacements, setLatch } from '../doors.ts'
import { inUse, presentOf, type Kind } from './kind.ts'

/** The inverse of suspend. A suspend that is accepted meanwhile sets the latch again, and the tenant ends suspended. */
export const resume: Kind = {
  summary: 'Open a suspended tenant again; tasks that waited run then',

  accepted: (sql, { id }) => setLatch(sql, id, false),
  begun: fencePlacements,
  prepare: (facts) => ({ specs: [], steps: thawSteps(presentOf(inUse(facts))) }),
  undo: (facts) => freezeSteps(inUse(facts).map(({ spec }) => spec)),
  succeed: (sql, held) => openPlacements(sql, held, 'suspended'),
}
