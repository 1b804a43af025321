import { CancellationScope, CancelledFailure } from '@temporalio/workflow'
import type { OperationInput, WorkflowStep } from '../domain/operation.ts'
import { waves } from '../domain/waves.ts'
import { operationActivities, resourceActivities } from './activities.ts'
import { isAborted, StepFailure } from './failure.ts'
import type { ProgressTracker } from './progress.ts'

/**
 * Carries out steps in the order of their dependencies, independent ones side by side. The first failure lets what runs
 * beside it end, then throws a `StepFailure`: nothing is under way any more when the caller undoes. An abort goes before
 * any other failure.
 */
async function carryOut(
  input: OperationInput,
  steps: readonly WorkflowStep[],
  progress: ProgressTracker,
): Promise<void> {
  for (const wave of waves(steps)) {
    const failures = await carryOutWave(input, wave, progress)
    const worst = failures.find(isAborted) ?? failures[0]
    if (worst !== undefined) throw worst
  }
}

/** Carries out steps and settles the success. */
export function carryOutAndSettle(
  input: OperationInput,
  steps: readonly WorkflowStep[],
  progress: ProgressTracker,
): Promise<'settled' | 'to-be-undone'> {
  const { settle } = operationActivities(input.timing)
  return carryOutUntil(input, steps, progress, () => settle({ input, outcome: 'succeeded' }))
}

/** Carries out the steps that can be undone, and puts the changed manifest in force: there is no way back from there. */
export function carryOutAndPutInForce(
  input: OperationInput,
  steps: readonly WorkflowStep[],
  progress: ProgressTracker,
): Promise<'in-force' | 'to-be-undone'> {
  const { putInForce } = operationActivities(input.timing)
  return carryOutUntil(input, steps, progress, () => putInForce(input))
}

/** Carries out steps and then the end of them. What the registry does not know to be done, be it that a crash forgot it, is carried out again. */
async function carryOutUntil<E extends string>(
  input: OperationInput,
  steps: readonly WorkflowStep[],
  progress: ProgressTracker,
  end: () => Promise<E | 'to-be-finished'>,
): Promise<E> {
  for (;;) {
    await carryOut(input, steps, progress)
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled before it was settled')
    // A cancel from now on is answered by what the registry says.
    const ended = await CancellationScope.nonCancellable(end)
    if (ended !== 'to-be-finished') return ended as E
  }
}

/** Carries out steps side by side, and gives what failed once all of them have ended. */
export async function carryOutWave(
  input: OperationInput,
  wave: readonly WorkflowStep[],
  progress: ProgressTracker,
): Promise<StepFailure[]> {
  const ended = await Promise.all(wave.map((step) => carryOutStep(input, step, progress)))
  return ended.filter((failure) => failure !== undefined)
}

async function carryOutStep(
  input: OperationInput,
  step: WorkflowStep,
  progress: ProgressTracker,
): Promise<StepFailure | undefined> {
  progress.mark(step.key, 'running')
  try {
    await resourceActivities(input.timing, step)[step.action]({ input, step: step.key })
    progress.mark(step.key, step.action === 'remove' ? 'undone' : 'done')
    return undefined
  } catch (failure) {
    progress.mark(step.key, 'failed')
    return new StepFailure(step.key, failure)
  }
}
