import { createArchiveActivities } from './archives.ts'
import type { ActivityDeps } from './deps.ts'
import { createGovernanceActivities } from './governance.ts'
import { createMoveActivities } from './moves.ts'
import { createObjectMoveActivities } from './object-moves.ts'
import { createObserveActivities } from './observe.ts'
import { createOperationActivities } from './operations.ts'
import { createResourceActivities } from './resources.ts'

/** All activities of the control plane, as the worker registers them. */
export function createActivities(deps: ActivityDeps) {
  return {
    ...createOperationActivities(deps),
    ...createGovernanceActivities(deps),
    ...createResourceActivities(deps),
    ...createArchiveActivities(deps),
    ...createMoveActivities(deps),
    ...createObjectMoveActivities(deps),
    ...createObserveActivities(deps),
  }
}
export type Activities = ReturnType<typeof createActivities>
