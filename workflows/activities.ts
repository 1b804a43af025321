import { ActivityCancellationType, proxyActivities, workflowInfo } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import { busQueue, type Timing, type WorkflowStep } from '../domain/operation.ts'

/** Opening and closing an operation is tried until it works: an outage of the registry must not lose an outcome. */
export function operationActivities(timing: Timing) {
  return proxyActivities<Pick<Activities, 'begin' | 'beginUndo' | 'settle'>>({
    startToCloseTimeout: timing.tryMs.operation,
    heartbeatTimeout: timing.heartbeatMs,
    retry: { initialInterval: timing.initialRetryMs, maximumInterval: timing.maximumRetryMs },
  })
}

/**
 * Work on one resource is tried until it works or cannot: the activity counts what the world refuses, so that an outage of
 * the registry or a killed worker uses up nobody's tries, and says when it gives up. A cancel waits for what is under way.
 */
export function resourceActivities(timing: Timing, step: WorkflowStep) {
  return proxyActivities<Pick<Activities, 'ensure' | 'migrate' | 'remove' | 'rotate'>>({
    startToCloseTimeout: timing.tryMs[step.action],
    heartbeatTimeout: timing.heartbeatMs,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: timing.initialRetryMs, maximumInterval: timing.maximumRetryMs },
    summary: `${step.action} ${step.title}`,
    ...(step.bus === undefined ? {} : { taskQueue: busQueue(workflowInfo().taskQueue, step.bus) }),
  })
}
