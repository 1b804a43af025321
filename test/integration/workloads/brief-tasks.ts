import { proxyActivities } from '@temporalio/workflow'
import type { Activities, Task } from '../../../examples/workloads/activities.ts'
import { tenantOfWorkflow, tried, waitsForItsTenant } from '../../../packages/tenant-worker/workflow.ts'

const brief = proxyActivities<Activities>({ startToCloseTimeout: '300ms', ...waitsForItsTenant })
const impatient = proxyActivities<Activities>({ startToCloseTimeout: '1 minute', retry: { maximumAttempts: 5 } })

/** As the example's, with little time for the work. */
export async function tenantTask(task: Task): Promise<string> {
  const tenant = tenantOfWorkflow()
  return task.name === 'impatient' ? impatient.work(tenant, task) : tried(2, () => brief.work(tenant, task))
}
