import { ApplicationFailure, CancellationScope, CancelledFailure } from '@temporalio/workflow'
import type { OperationInput, WorkflowStep } from '../domain/operation.ts'
import { operationActivities } from './activities.ts'
import { Denied, operationError } from './failure.ts'
import { trackProgress, type ProgressTracker } from './progress.ts'
import { carryOutAndSettle } from './steps.ts'
import { takeUp } from './take-up.ts'

const givenUp = { code: 'operation_aborted', message: 'given up on request; what was done stays done' } as const

/**
 * Begin, the steps, settle, for what never rolls back. What may pass is tried without end; what cannot leaves the operation
 * open with `NeedsAttention`, to be retried. A cancel from outside changes nothing; an abort, where the kind allows one,
 * ends it before its next step. What is denied before it began ends `failed`, and nothing was done.
 */
export async function goForward(input: OperationInput, phase: string): Promise<void> {
  const { settle } = operationActivities(input.timing)
  const progress = trackProgress()
  await CancellationScope.nonCancellable(async () => {
    try {
      const { proceed, steps } = await takeUp(input, progress)
      if (proceed === 'done') return
      progress.setSteps(steps)
      progress.phase(phase)
      const settled = await carryOutAndSettle(input, steps, progress)
      if (settled === 'to-be-undone') throw ApplicationFailure.nonRetryable(givenUp.message, givenUp.code)
      progress.phase('done')
    } catch (failure) {
      const error = operationError(failure)
      if (error.code === 'operation_aborted') {
        await settle({ input, outcome: 'aborted', error: givenUp })
        progress.phase('aborted')
        throw new CancelledFailure(givenUp.message)
      }
      const outcome = failure instanceof Denied ? 'failed' : 'stalled'
      await settle({ input, outcome, error })
      progress.phase(outcome)
      throw ApplicationFailure.nonRetryable(error.message, error.code)
    }
  })
}

/** The last steps of what has no way back any more: as above, and no abort ends it. */
export async function goOnForward(
  input: OperationInput,
  steps: readonly WorkflowStep[],
  progress: ProgressTracker,
): Promise<void> {
  const { settle } = operationActivities(input.timing)
  await CancellationScope.nonCancellable(async () => {
    try {
      await carryOutAndSettle(input, steps, progress)
      progress.phase('done')
    } catch (failure) {
      const error = operationError(failure)
      await settle({ input, outcome: 'stalled', error })
      progress.phase('stalled')
      throw ApplicationFailure.nonRetryable(error.message, error.code)
    }
  })
}
