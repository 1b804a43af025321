import { ApplicationFailure, CancellationScope, CancelledFailure } from '@temporalio/workflow'
import type { OperationInput, WorkflowStep } from '../domain/operation.ts'
import { operationActivities } from './activities.ts'
import { Denied, isAborted, operationError } from './failure.ts'
import { goOnForward } from './go-forward.ts'
import { trackProgress, type ProgressTracker } from './progress.ts'
import { carryOutAndPutInForce, carryOutAndSettle } from './steps.ts'
import { takeUp } from './take-up.ts'
import { undoAndSettle } from './undo.ts'

/**
 * Begin, the steps, settle, for what rolls back: what fails or is cancelled is undone, and only what this operation made;
 * then it is settled `failed` or `aborted`. What is denied before it began ends `failed`, with nothing to undo. Steps that
 * cannot be undone come last, once the changed manifest is in force; from there it only goes forward.
 */
export async function goForwardOrBack(input: OperationInput, phase: string): Promise<void> {
  const progress = trackProgress()
  const last = await thereOrBack(input, phase, progress)
  if (last.length === 0) return
  progress.phase('removing')
  await goOnForward(input, last, progress)
}

/** Gives the steps that are left once there is no way back; none when it is settled. */
async function thereOrBack(input: OperationInput, phase: string, progress: ProgressTracker): Promise<WorkflowStep[]> {
  const { settle } = operationActivities(input.timing)
  try {
    const { proceed, steps } = await takeUp(input, progress)
    if (proceed === 'done') return []
    if (proceed === 'compensate') throw new CancelledFailure('an operator asked to abort')
    progress.setSteps(steps)
    progress.phase(phase)
    const [last, first] = [steps.filter(({ inForce }) => inForce), steps.filter(({ inForce }) => !inForce)]
    const carryOut = last.length === 0 ? carryOutAndSettle : carryOutAndPutInForce
    if ((await carryOut(input, first, progress)) === 'to-be-undone')
      throw new CancelledFailure('an operator asked to abort')
    if (last.length === 0) progress.phase('done')
    return last
  } catch (failure) {
    if (failure instanceof Denied) {
      await CancellationScope.nonCancellable(() => settle({ input, outcome: 'failed', error: failure.error }))
      progress.phase('failed')
      throw ApplicationFailure.nonRetryable(failure.message, failure.error.code)
    }
    if (isAborted(failure)) {
      if (!(await undoAndSettle(input, { outcome: 'aborted', error: aborted }, progress))) return []
      throw new CancelledFailure(aborted.message)
    }
    const error = operationError(failure)
    if (!(await undoAndSettle(input, { outcome: 'failed', error }, progress))) return []
    throw ApplicationFailure.nonRetryable(error.message, error.code)
  }
}

const aborted = { code: 'operation_aborted', message: 'undone on request' } as const
