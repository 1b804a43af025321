import { ApplicationFailure, CancellationScope, CancelledFailure } from '@temporalio/workflow'
import type { OperationInput } from '../domain/operation.ts'
import { operationActivities } from './activities.ts'
import { operationError } from './failure.ts'
import { trackProgress } from './progress.ts'
import { carryOutAndSettle } from './steps.ts'

const givenUp = { code: 'operation_aborted', message: 'given up on request; what was done stays done' } as const

/**
 * Begin, the steps, settle, for what never rolls back. What may pass is tried without end; what cannot leaves the operation
 * open with `NeedsAttention`, to be retried. A cancel from outside changes nothing; an abort, where the kind allows one,
 * ends it before its next step.
 */
export async function goForward(input: OperationInput, phase: string): Promise<void> {
  const { begin, settle } = operationActivities(input.timing)
  const progress = trackProgress()
  await CancellationScope.nonCancellable(async () => {
    try {
      const { proceed, steps } = await begin(input)
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
      await settle({ input, outcome: 'stalled', error })
      progress.phase('stalled')
      throw ApplicationFailure.nonRetryable(error.message, error.code)
    }
  })
}
