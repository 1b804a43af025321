import { startTenantWorkflow, type TenantRuntime } from '@freehold/tenant-worker/client'
import type { Connection, WorkflowHandle } from '@temporalio/client'
import type { Task } from './activities.ts'
import type { tenantTask } from './workflows.ts'

/** Starts a task of a tenant; `id` makes it unique within the tenant. */
export function submitTask(
  connection: Connection,
  tenant: TenantRuntime,
  id: string,
  task: Task,
): Promise<WorkflowHandle<typeof tenantTask>> {
  return startTenantWorkflow<typeof tenantTask>(connection, tenant, 'tenantTask', { id, args: [task] })
}
