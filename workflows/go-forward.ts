import { ApplicationFailure, CancellationScope } from '@temporalio/workflow'
import type { OperationInput } from '../domain/operation.ts'
import { operationActivities } from './activities.ts'
import { operationError } from './failure.ts'
import { trackProgress } from './progress.ts'
import { carryOutAndSettle } from './steps.ts'

/**
 * Begin, the steps, settle, for what never rolls back. What may pass is tried without end; what cannot leaves the operation
 * open with `NeedsAttention`, to be retried; a cancel from outside changes nothing.
 */
export async function goForward(input: OperationInput, phase: string): Promise<void> {
  const { begin, settle } = operationActivities(input.timing)
  const progress = trackProgress()
  await CancellationScope.nonCancellable(async () => {
    try {
      const { proceed, steps } = await begin(input)
      if (proceed === 'done') return
      progress.plan(steps)
      progress.phase(phase)
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
