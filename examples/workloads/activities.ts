import type { Tenant } from '@freehold/tenant-worker/workflow'
import { sleep } from '@temporalio/activity'

/** What a task is asked to do; here it only takes its time. */
export type Task = { name: string; milliseconds: number }

export type Activities = {
  work(tenant: Tenant, task: Task): Promise<string>
}

/** The work itself: yours goes here. It knows its tenant, and so where the tenant's database and objects are. */
export const activities: Activities = {
  async work({ tenantId, environment }, { name, milliseconds }) {
    await sleep(milliseconds)
    return `${name} of ${tenantId} (${environment}) is done`
  },
}
