import { CancellationScope } from '@temporalio/workflow'
import type { OperationError, OperationInput } from '../domain/operation.ts'
import { waves } from '../domain/waves.ts'
import { operationActivities } from './activities.ts'
import type { ProgressTracker } from './progress.ts'
import { carryOut } from './steps.ts'

/**
 * Undoes what the operation made, last first, and settles it. Goes on when one undo fails and tells what is left; cannot
 * be cancelled, because half an undo helps nobody.
 */
export async function undoAndSettle(
  input: OperationInput,
  outcome: 'failed' | 'aborted',
  error: OperationError | undefined,
  progress: ProgressTracker,
): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    const operations = operationActivities(input.timing)
    progress.phase('compensating')
    const steps = await operations.beginUndo(input)
    progress.plan(steps)
    const unresolved: string[] = []
    for (const wave of waves(steps)) {
      const results = await Promise.allSettled(wave.map((step) => carryOut(input, [step], progress)))
      for (const [index, result] of results.entries())
        if (result.status === 'rejected') unresolved.push(wave[index]?.key ?? '')
    }
    const told = error ?? { code: 'operation_aborted' as const, message: 'undone on request' }
    await operations.settle({ input, outcome, error: unresolved.length === 0 ? told : { ...told, unresolved } })
    progress.phase(outcome)
  })
}
