import { ApplicationFailure, CancellationScope, CancelledFailure } from '@temporalio/workflow'
import type { OperationInput } from '../domain/operation.ts'
import { operationActivities } from './activities.ts'
import { Denied, isAborted, operationError } from './failure.ts'
import { trackProgress } from './progress.ts'
import { carryOutAndSettle } from './steps.ts'
import { takeUp } from './take-up.ts'
import { undoAndSettle } from './undo.ts'

/**
 * Begin, the steps, settle, for what rolls back: what fails or is cancelled is undone, and only what this operation made;
 * then it is settled `failed` or `aborted`. What is denied before it began ends `failed`, with nothing to undo.
 */
export async function goForwardOrBack(input: OperationInput, phase: string): Promise<void> {
  const { settle } = operationActivities(input.timing)
  const progress = trackProgress()
  try {
    const { proceed, steps } = await takeUp(input, progress)
    if (proceed === 'done') return
    if (proceed === 'compensate') throw new CancelledFailure('an operator asked to abort')
    progress.setSteps(steps)
    progress.phase(phase)
    const settled = await carryOutAndSettle(input, steps, progress)
    if (settled === 'to-be-undone') throw new CancelledFailure('an operator asked to abort')
    progress.phase('done')
  } catch (failure) {
    if (failure instanceof Denied) {
      await CancellationScope.nonCancellable(() => settle({ input, outcome: 'failed', error: failure.error }))
      progress.phase('failed')
      throw ApplicationFailure.nonRetryable(failure.message, failure.error.code)
    }
    if (isAborted(failure)) {
      if (!(await undoAndSettle(input, { outcome: 'aborted', error: aborted }, progress))) return
      throw new CancelledFailure(aborted.message)
    }
    const error = operationError(failure)
    if (!(await undoAndSettle(input, { outcome: 'failed', error }, progress))) return
    throw ApplicationFailure.nonRetryable(error.message, error.code)
  }
}

const aborted = { code: 'operation_aborted', message: 'undone on request' } as const
