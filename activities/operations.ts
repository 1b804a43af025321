import { activityInfo } from '@temporalio/activity'
import type { OperationInput, WorkflowStep } from '../domain/operation.ts'
import { begin, beginUndo, type Begun } from '../operations/begin.ts'
import { settle, type Settled, type Settling } from '../operations/settle.ts'
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
    /** Writes the outcome. */
    settle: (settling: Settling): Promise<Settled> => settle(orm.pool, settling, callingWorkflow()),
  }
}
export type OperationActivities = ReturnType<typeof createOperationActivities>
