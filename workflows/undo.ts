import { CancellationScope } from '@temporalio/workflow'
import type { OperationError, OperationInput } from '../domain/operation.ts'
import { waves } from '../domain/waves.ts'
import { operationActivities } from './activities.ts'
import type { ProgressTracker } from './progress.ts'
import { carryOutWave } from './steps.ts'

/**
 * Undoes what the operation made, last first, and settles it. Goes on when one undo fails and tells what is left; cannot
 * be cancelled, because half an undo helps nobody.
 * @returns false when there was nothing to undo any more, because the operation is settled or another attempt's
 */
export async function undoAndSettle(
  input: OperationInput,
  { outcome, error }: { outcome: 'failed' | 'aborted'; error: OperationError },
  progress: ProgressTracker,
): Promise<boolean> {
  const { beginUndo, settle } = operationActivities(input.timing)
  return CancellationScope.nonCancellable(async () => {
    progress.phase('compensating')
    const steps = await beginUndo(input)
    if (steps === null) return false
    progress.plan(steps)
    const unresolved: string[] = []
    for (const wave of waves(steps)) {
      const failures = await carryOutWave(input, wave, progress)
      unresolved.push(...failures.map(({ step }) => step))
    }
    await settle({ input, outcome, error: unresolved.length === 0 ? error : { ...error, unresolved } })
    progress.phase(outcome)
    return true
  })
}
