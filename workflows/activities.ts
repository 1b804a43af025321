import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { PlanStep, Timing } from '../domain/operation.ts'

/** Opening and closing an operation is tried until it works: an outage of the registry must not lose an outcome. */
export function operationActivities(timing: Timing) {
  return proxyActivities<Pick<Activities, 'begin' | 'beginUndo' | 'settle'>>({
    startToCloseTimeout: timing.startToCloseMs,
    heartbeatTimeout: timing.heartbeatMs,
    retry: { initialInterval: timing.initialRetryMs, maximumInterval: timing.maximumRetryMs },
  })
}

/** Work on one resource is tried a bounded number of times, then the operation decides. */
export function resourceActivities(timing: Timing, step: PlanStep) {
  return proxyActivities<Pick<Activities, 'ensure' | 'migrate' | 'remove' | 'rotate'>>({
    startToCloseTimeout: timing.startToCloseMs,
    heartbeatTimeout: timing.heartbeatMs,
    retry: {
      initialInterval: timing.initialRetryMs,
      maximumInterval: timing.maximumRetryMs,
      maximumAttempts: timing.maximumAttempts,
    },
    summary: `${step.action} ${step.title}`,
  })
}
