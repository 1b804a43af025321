import { ApplicationFailure, CancelledFailure } from '@temporalio/workflow'
import type { OperationInput } from '../domain/operation.ts'
import { operationActivities } from './activities.ts'
import { isAborted, operationError } from './failure.ts'
import { trackProgress } from './progress.ts'
import { carryOutAndSettle } from './steps.ts'
import { undoAndSettle } from './undo.ts'

/**
 * Begin, the steps, settle, for what rolls back: what fails or is cancelled is undone, and only what this operation made;
 * then it is settled `failed` or `aborted`.
 */
export async function goForwardOrBack(input: OperationInput, phase: string): Promise<void> {
  const { begin } = operationActivities(input.timing)
  const progress = trackProgress()
  try {
    const { proceed, steps } = await begin(input)
    if (proceed === 'done') return
    if (proceed === 'compensate') throw new CancelledFailure('an operator asked to abort')
    progress.setSteps(steps)
    progress.phase(phase)
    const settled = await carryOutAndSettle(input, steps, progress)
    if (settled === 'to-be-undone') throw new CancelledFailure('an operator asked to abort')
    progress.phase('done')
  } catch (failure) {
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
