import { CancelledFailure, type Context } from '@temporalio/activity'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import { toApplicationFailure } from '../activities/failure.ts'
import type { Logger } from '../platform/logger.ts'

/**
 * Around every activity: a heartbeat, so that a killed worker's work is taken up within seconds; one log line with the
 * ids everybody filters by; and errors turned into failures with a stable code.
 */
export function activityInterceptor(log: Logger): ActivityInterceptorsFactory {
  return (context: Context) => ({
    inbound: {
      async execute(input, next) {
        const { info } = context
        const beat = setInterval(() => context.heartbeat(), Math.max(250, (info.heartbeatTimeoutMs ?? 10_000) / 3))
        const line = log.child({ activity: info.activityType, attempt: info.attempt, ...ids(input.args[0]) })
        const started = performance.now()
        try {
          const result: unknown = await next(input)
          line.debug({ ms: Math.round(performance.now() - started) }, 'activity done')
          return result
        } catch (error) {
          if (error instanceof CancelledFailure) throw error
          const failure = toApplicationFailure(error)
          line.warn(
            { ms: Math.round(performance.now() - started), code: failure.type, reason: failure.message },
            'activity failed',
          )
          throw failure
        } finally {
          clearInterval(beat)
        }
      },
    },
  })
}

type Named = {
  operationId?: string
  tenantId?: string
  input?: Named
  step?: { environment: string; cell: string; key: string }
}

function ids(argument: unknown): Record<string, string | undefined> {
  const given = argument as Named
  const { operationId, tenantId } = given.input ?? given
  return {
    tenant_id: tenantId,
    operation_id: operationId,
    env: given.step?.environment,
    cell: given.step?.cell,
    step: given.step?.key,
  }
}
