import { proxyActivities } from '@temporalio/workflow'

/** What the worker of `noOp` offers. */
export type NoOpActivities = { nothing(): Promise<void> }

const { nothing } = proxyActivities<NoOpActivities>({ startToCloseTimeout: '10s' })

/**
 * As many hops as a real workflow and nothing to do in any: the least that Temporal takes for them.
 * @param hops how many activities run side by side in each
 */
export async function noOp(hops: readonly number[]): Promise<void> {
  for (const width of hops) await Promise.all(Array.from({ length: width }, () => nothing()))
}
