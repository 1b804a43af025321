import { ApiError, NoAnswerError, type TenantContexts } from '@freehold/sdk'
import { ApplicationFailure, CancelledFailure, CompleteAsyncError, type Info } from '@temporalio/activity'
import { ApplicationFailureCategory } from '@temporalio/common'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import { tenantWaits, workFailed, type Tenant } from './tenant.ts'

/** Milliseconds until a waiting task is offered again: grows from the first to the last. */
export type Waits = { firstMs: number; lastMs: number }

/**
 * Asks before every activity whether it may run: its tenant is active, and has less than `quotas.concurrentTasks` of them
 * running in this worker. Else, and also when Freehold cannot be asked, the task waits in Temporal: it fails with a delay,
 * is no failure of the work, and holds no slot of the worker.
 */
export function tenantCheck(contexts: TenantContexts, waits: Waits): ActivityInterceptorsFactory {
  const running = new Map<string, number>()

  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        requireUnlimitedWaiting(info)
        const { tenantId, environment } = tenantOf(input.args[0])
        const later = (why: string) => wait(`tenant ${tenantId} (${environment}): ${why}; the task waits`, info, waits)
        const context = await contexts.read(tenantId, environment).catch((error: unknown) => {
          throw later(unread(error))
        })
        if (context.state !== 'active') throw later(`is ${context.state}`)

        const { fairnessKey } = context.topology.runtime
        const already = running.get(fairnessKey) ?? 0
        const limit = context.quotas.concurrentTasks
        if (already >= limit) throw later(`has ${limit} tasks running, as many as it may`)
        running.set(fairnessKey, already + 1)
        try {
          return (await next(input)) as unknown
        } catch (error) {
          throw asFailureOfWork(error)
        } finally {
          const left = (running.get(fairnessKey) ?? 1) - 1
          if (left > 0) running.set(fairnessKey, left)
          else running.delete(fairnessKey)
        }
      },
    },
  })
}

/** Why a context could not be read. */
function unread(error: unknown): string {
  if (error instanceof ApiError) return `${error.code}: ${error.message}`
  if (error instanceof NoAnswerError && error.reason !== 'not-freehold')
    return `Freehold does not answer: ${error.message}`
  return error instanceof Error ? error.message : 'unknown'
}

/** Only waits are left to Temporal's retries, so their number must not end them. See `waitsForItsTenant`. */
function requireUnlimitedWaiting({ activityType, retryPolicy }: Info): void {
  if ((retryPolicy?.maximumAttempts ?? 0) > 0)
    throw ApplicationFailure.nonRetryable(
      `activity ${activityType} has maximumAttempts in its retry policy, so its tasks would be lost while their tenant is suspended; use waitsForItsTenant`,
      'RetryPolicyInvalid',
    )
}

function tenantOf(argument: unknown): Tenant {
  const given = (argument ?? {}) as Partial<Tenant>
  if (typeof given.tenantId === 'string' && typeof given.environment === 'string') return given as Tenant
  throw ApplicationFailure.nonRetryable('the first argument of an activity must name its tenant', 'TenantMissing')
}

/** Half of the delay is by chance, so that what waits together does not come back together. */
function wait(message: string, { attempt }: Info, { firstMs, lastMs }: Waits): ApplicationFailure {
  const delay = Math.min(lastMs, firstMs * 2 ** (attempt - 1))
  return ApplicationFailure.create({
    message,
    type: tenantWaits,
    nextRetryDelay: Math.ceil(delay * (0.5 + Math.random() / 2)),
    // Expected, so neither a line in the log nor a failure in the metrics.
    category: ApplicationFailureCategory.BENIGN,
  })
}

/** Goes to the workflow, which decides about another try; what says itself that it is final, or was cancelled, stays as it is. */
function asFailureOfWork(error: unknown): unknown {
  if (error instanceof CancelledFailure || error instanceof CompleteAsyncError) return error
  if (error instanceof Error && error.name === 'AbortError') return error
  if (error instanceof ApplicationFailure && error.nonRetryable === true) return error
  const message = error instanceof Error ? error.message : String(error)
  return ApplicationFailure.create({
    message,
    type: workFailed,
    nonRetryable: true,
    ...(error instanceof Error ? { cause: error } : {}),
  })
}
