import { tenantOfWorkflow, tried, waitsForItsTenant } from '@freehold/tenant-worker/workflow'
import { proxyActivities } from '@temporalio/workflow'
import type { Activities, Task } from './activities.ts'

const { work } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute', ...waitsForItsTenant })

/** One task of a tenant: it waits until its tenant may run it, and is tried three times when the work itself fails. */
export async function tenantTask(task: Task): Promise<string> {
  const tenant = tenantOfWorkflow()
  return tried(3, () => work(tenant, task))
}
