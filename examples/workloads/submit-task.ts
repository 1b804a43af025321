import { Client, type Connection, type WorkflowHandle } from '@temporalio/client'
import type { Task } from './activities.ts'
import type { TenantContext } from './tenant-contexts.ts'
import { tenantAttributes } from './tenant.ts'
import type { tenantTask } from './workflows.ts'

/**
 * Starts a task of a tenant: in the queue of its context, with the fairness key and weight that keep one tenant's many
 * tasks from delaying another's, and with the search attributes it is found by. `id` makes it unique within the tenant:
 * the same id again, while that task is open, throws WorkflowExecutionAlreadyStartedError.
 */
export async function submitTask(
  connection: Connection,
  { tenantId, environment, topology: { runtime } }: TenantContext,
  id: string,
  task: Task,
): Promise<WorkflowHandle<typeof tenantTask>> {
  const client = new Client({ connection, namespace: runtime.namespace })
  return client.workflow.start<typeof tenantTask>('tenantTask', {
    workflowId: `${runtime.fairnessKey}/${id}`,
    taskQueue: runtime.taskQueue,
    args: [task],
    // Activities inherit it.
    priority: { fairnessKey: runtime.fairnessKey, fairnessWeight: runtime.fairnessWeight },
    typedSearchAttributes: [
      { key: tenantAttributes.tenantId, value: tenantId },
      { key: tenantAttributes.environment, value: environment },
    ],
  })
}
