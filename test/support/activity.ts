import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { createActivities, type Activities } from '../../activities/index.ts'
import type { ActivityDeps } from '../../activities/deps.ts'
import { workflowId, type OperationInput, type OperationKind } from '../../domain/operation.ts'

/** Runs a function as an activity of this workflow runs it. */
export async function inWorkflow<T>(workflow: string, run: () => Promise<T>): Promise<T> {
  const execution = { workflowExecution: { workflowId: workflow, runId: 'test' } }
  // A refusal is what most of these tests are about: it is not to be logged.
  const environment = new MockActivityEnvironment(execution, { logger: new DefaultLogger('ERROR') })
  environment.on('error', () => {})
  return environment.run(run)
}

/** Activities as the workflow of an operation calls them, whichever attempt its input says. */
export function activitiesOf(deps: ActivityDeps, kind: OperationKind): Activities {
  const activities = createActivities(deps)
  const called = Object.entries(activities).map(([name, activity]) => [
    name,
    (given: OperationInput | { input: OperationInput }) => {
      const { operationId: id, attempt } = 'input' in given ? given.input : given
      const run = activity as (argument: unknown) => Promise<unknown>
      return inWorkflow(workflowId({ kind, id, attempt }), () => run(given))
    },
  ])
  return Object.fromEntries(called) as Activities
}
