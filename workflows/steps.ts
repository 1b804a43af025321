import type { OperationInput, WorkflowStep } from '../domain/operation.ts'
import { waves } from '../domain/waves.ts'
import { resourceActivities } from './activities.ts'
import { operationError, StepFailure } from './failure.ts'
import type { ProgressTracker } from './progress.ts'

/**
 * Carries out steps in the order of their dependencies, independent ones side by side. The first failure lets what runs
 * beside it end, then throws a `StepFailure`: nothing is under way any more when the caller undoes.
 */
export async function carryOut(
  input: OperationInput,
  steps: readonly WorkflowStep[],
  progress: ProgressTracker,
): Promise<void> {
  for (const wave of waves(steps)) {
    const results = await Promise.allSettled(wave.map((step) => carryOutOne(input, step, progress)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}

async function carryOutOne(input: OperationInput, step: WorkflowStep, progress: ProgressTracker): Promise<void> {
  progress.mark(step.key, 'running')
  try {
    await resourceActivities(input.timing, step)[step.action]({ input, step: step.key })
    progress.mark(step.key, step.action === 'remove' ? 'undone' : 'done')
  } catch (failure) {
    progress.mark(step.key, 'failed')
    throw new StepFailure(operationError(failure, step.key), failure)
  }
}
