import { ActivityCancellationType, proxyActivities, proxyLocalActivities, workflowInfo } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import { busQueue, type StepAction, type Timing, type WorkflowStep } from '../domain/operation.ts'

/**
 * Opening and closing an operation is tried until it works: an outage of the registry must not lose an outcome. Each is one
 * short transaction, so the worker does it within its workflow task, without a way over the server and back.
 */
export function operationActivities(timing: Timing) {
  return proxyLocalActivities<Pick<Activities, 'begin' | 'beginUndo' | 'putInForce' | 'settle'>>({
    ...withoutEnd(timing),
    startToCloseTimeout: timing.tryMs.operation,
  })
}

/**
 * Asking the governance endpoint, which has tries of its own. What is tried here is what cannot be the endpoint's fault: an
 * outage of the registry, a killed worker.
 * @param askMs how long all its tries may take together
 */
export function governanceActivities(timing: Timing, askMs: number) {
  return proxyActivities<Pick<Activities, 'askGovernance'>>({
    ...withoutEnd(timing),
    startToCloseTimeout: askMs,
    heartbeatTimeout: timing.heartbeatMs,
    summary: 'ask the governance endpoint',
  })
}

/**
 * Work on one resource is tried until it works or cannot: the activity counts what the world refuses, so that an outage of
 * the registry or a killed worker uses up nobody's tries, and says when it gives up.
 */
export function resourceActivities(timing: Timing, step: WorkflowStep) {
  return proxyActivities<Pick<Activities, StepAction>>({
    ...withoutEnd(timing),
    startToCloseTimeout: timing.tryMs[step.action],
    heartbeatTimeout: timing.heartbeatMs,
    summary: ofMoves.has(step.action) ? step.title : `${step.action} ${step.title}`,
    ...(step.bus === undefined ? {} : { taskQueue: busQueue(workflowInfo().taskQueue, step.bus) }),
  })
}

/** Their titles say what they do. */
const ofMoves: ReadonlySet<StepAction> = new Set<StepAction>([
  'carry',
  'handOver',
  'takeBack',
  'copy',
  'await',
  'cut',
  'prove',
  'revert',
  'release',
])

/** Tries have no bound of their own, and a cancel waits for what is under way: nothing is left running beside an undo. */
function withoutEnd({ initialRetryMs, maximumRetryMs }: Timing) {
  return {
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: initialRetryMs, maximumInterval: maximumRetryMs },
  }
}
