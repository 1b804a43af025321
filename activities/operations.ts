import { activityInfo } from '@temporalio/activity'
import type { OperationInput, WorkflowStep } from '../domain/operation.ts'
import { begin, beginUndo, type Begun } from '../operations/begin.ts'
import { settle, type Settled, type Settling } from '../operations/settle.ts'
import { putInForce, type PutInForce } from '../operations/put-in-force.ts'
import type { ActivityDeps } from './deps.ts'

/** Id of the workflow that asks, by Temporal's word and not the caller's. */
export const callingWorkflow = (): string => activityInfo().workflowExecution?.workflowId ?? ''

/** Activities that open and close an operation: `operations/` does the work, in one transaction each. */
export function createOperationActivities({ orm, platform }: Pick<ActivityDeps, 'orm' | 'platform'>) {
  const registry = { pool: orm.pool, platform }
  return {
    /** Takes the operation up, and gives its steps. */
    begin: (input: OperationInput): Promise<Begun> => begin(registry, { input, workflow: callingWorkflow() }),
    /** The steps that undo what the operation made. */
    beginUndo: (input: OperationInput): Promise<WorkflowStep[] | null> =>
      beginUndo(registry, { input, workflow: callingWorkflow() }),
    /** Puts the changed manifest in force, from which on the operation only goes forward. */
    putInForce: (input: OperationInput): Promise<PutInForce> => putInForce(orm.pool, input, callingWorkflow()),
    /** Writes the outcome. */
    settle: (settling: Settling): Promise<Settled> => settle(orm.pool, settling, callingWorkflow()),
  }
}
export type OperationActivities = ReturnType<typeof createOperationActivities>
