import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { MovePlan } from '../domain/relocation.ts'

/** The preflight of a move alone, which changes nothing: no operation, and no history that anybody has to keep. */
export async function planMove(input: { tenantId: string; environment: string }): Promise<MovePlan> {
  const activities = proxyActivities<Pick<Activities, 'planMove'>>({
    startToCloseTimeout: '15 s',
    scheduleToCloseTimeout: '20 s',
    summary: 'preflight of a move',
  })
  return activities.planMove(input)
}
