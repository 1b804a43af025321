import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { Observed } from '../domain/drift.ts'

/** Looks at all that a tenant has, and changes nothing: no operation, and no history that anybody has to keep. */
export async function observe(input: { tenantId: string }): Promise<Observed[]> {
  const { observeTenant } = proxyActivities<Pick<Activities, 'observeTenant'>>({
    startToCloseTimeout: '15 s',
    scheduleToCloseTimeout: '20 s',
    summary: 'look at what there is',
  })
  return observeTenant(input)
}
