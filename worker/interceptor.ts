import { CancelledFailure, type Context } from '@temporalio/activity'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import { toApplicationFailure } from '../activities/failure.ts'
import { errorCodes } from '../domain/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'

/**
 * Around every activity: a heartbeat, so that a killed worker's work is taken up within seconds; one log line with the
 * ids everybody filters by, and one observation in the metrics; and errors turned into failures with a stable code.
 */
export function activityInterceptor(log: Logger, metrics: WorkerMetrics): ActivityInterceptorsFactory {
  return (context: Context) => ({
    inbound: {
      async execute(input, next) {
        const { info } = context
        // One that runs within a workflow task has no heartbeat: the task has.
        const beatMs = Math.max(250, (info.heartbeatTimeoutMs ?? 10_000) / 3)
        const beat = info.isLocal ? undefined : setInterval(() => context.heartbeat(), beatMs)
        const line = log.child({ activity: info.activityType, attempt: info.attempt, ...ids(input.args[0]) })
        const started = performance.now()
        const ended = (outcome: 'succeeded' | 'failed' | 'cancelled') => {
          const ms = performance.now() - started
          metrics.observeActivity(info.activityType, outcome, ms / 1000)
          return { ms: Math.round(ms) }
        }
        try {
          const result: unknown = await next(input)
          line.debug(ended('succeeded'), 'activity done')
          return result
        } catch (error) {
          if (error instanceof CancelledFailure) {
            ended('cancelled')
            throw error
          }
          const failure = toApplicationFailure(error)
          metrics.activityFailures.inc({ activity: info.activityType, code: knownCode(failure.type) })
          line.warn({ ...ended('failed'), code: failure.type, reason: failure.message }, 'activity failed')
          throw failure
        } finally {
          clearInterval(beat)
        }
      },
    },
  })
}

/** A label has known values only; a type that is none of our codes counts as unforeseen. */
function knownCode(type: string | null | undefined): string {
  return type != null && Object.hasOwn(errorCodes, type) ? type : 'internal'
}

type Named = { operationId?: string; tenantId?: string; input?: Named; step?: string }

/** Ids of the first argument: of an operation, or of one of its steps. */
function ids(argument: unknown): Record<string, string | undefined> {
  const given = argument as Named
  const { operationId, tenantId } = given.input ?? given
  return { tenant_id: tenantId, operation_id: operationId, step: given.step }
}
