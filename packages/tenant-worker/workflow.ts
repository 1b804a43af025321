import {
  ActivityFailure,
  ApplicationFailure,
  sleep,
  TimeoutFailure,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow'
import { tenantAttributes, workFailed, type Tenant } from './tenant.ts'

export type { Tenant } from './tenant.ts'

/**
 * Retry policy of every activity that works for a tenant. Temporal's own retries are for waiting alone, as often as it
 * takes and without a line in the history. What the work does wrong, running into a timeout included, comes back to the
 * workflow: see `tried`. Set neither maximumAttempts nor a schedule-to-close timeout: they would end the waiting.
 */
export const waitsForItsTenant = {
  retry: { nonRetryableErrorTypes: ['TemporalTimeout:StartToClose', 'TemporalTimeout:Heartbeat'] },
} satisfies ActivityOptions

/** The tenant this workflow works for: the one that Freehold finds it by. */
export function tenantOfWorkflow(): Tenant {
  const attributes = workflowInfo().typedSearchAttributes
  const tenantId = attributes.get(tenantAttributes.tenantId)
  const environment = attributes.get(tenantAttributes.environment)
  if (tenantId === undefined || environment === undefined)
    throw ApplicationFailure.nonRetryable(
      'start tasks with the search attributes TenantId and Environment',
      'TenantMissing',
    )
  return { tenantId, environment }
}

/** Runs it until it succeeds, at most `times` times, a second and then ever longer apart; waiting for the tenant is no try. */
export async function tried<T>(times: number, run: () => Promise<T>): Promise<T> {
  for (let time = 1; ; time += 1) {
    try {
      return await run()
    } catch (error) {
      if (time >= times || !mayBeTriedAgain(error)) throw error
      await sleep(1_000 * 2 ** (time - 1))
    }
  }
}

function mayBeTriedAgain(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false
  const { cause } = error
  return cause instanceof TimeoutFailure || (cause instanceof ApplicationFailure && cause.type === workFailed)
}
