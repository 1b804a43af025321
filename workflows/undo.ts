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
    progress.setSteps(steps)
    const unresolved: string[] = []
    for (const wave of waves(steps)) {
      // What waits for something that could not be removed stays too: that may need it when it is tried again.
      const free = wave.filter(({ after }) => !after.some((key) => unresolved.includes(key)))
      const failures = await carryOutWave(input, free, progress)
      const kept = wave.filter((step) => !free.includes(step))
      unresolved.push(...failures.map(({ step }) => step), ...kept.map(({ key }) => key))
    }
    await settle({ input, outcome, error: unresolved.length === 0 ? error : { ...error, unresolved } })
    progress.phase(outcome)
    return true
  })
}
