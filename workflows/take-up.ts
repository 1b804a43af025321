import type { OperationInput } from '../domain/operation.ts'
import { governanceActivities, operationActivities } from './activities.ts'
import { Denied } from './failure.ts'
import type { ProgressTracker } from './progress.ts'

/**
 * Begins an operation, once the governance endpoint was asked where that is needed. Throws `Denied` when it says no, or
 * nothing where that means no.
 */
export async function takeUp(input: OperationInput, progress: ProgressTracker) {
  const { begin } = operationActivities(input.timing)
  for (;;) {
    const begun = await begin(input)
    if (begun.proceed === 'denied') throw new Denied(begun.error)
    if (begun.proceed !== 'to-be-judged') return begun
    progress.phase('governance')
    await governanceActivities(input.timing, begun.askMs).askGovernance(input)
  }
}
