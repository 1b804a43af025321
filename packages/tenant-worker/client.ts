import type { TenantContext } from '@freehold/sdk'
import { Client, type Connection, type Workflow, type WorkflowHandle } from '@temporalio/client'
import { tenantAttributes } from './tenant.ts'

/** What is needed of a tenant context to start its work. */
export type TenantRuntime = Pick<TenantContext, 'tenantId' | 'environment'> & {
  readonly topology: Pick<TenantContext['topology'], 'runtime'>
}

/**
 * Starts a workflow of a tenant: in the queue of its context, with the fairness key and weight that keep one tenant's many
 * tasks from delaying another's, and with the search attributes it is found by. `id` makes it unique within the tenant:
 * the same id again, while that workflow is open, throws WorkflowExecutionAlreadyStartedError.
 */
export async function startTenantWorkflow<W extends Workflow>(
  connection: Connection,
  { tenantId, environment, topology: { runtime } }: TenantRuntime,
  workflow: string,
  { id, args }: { readonly id: string; readonly args: Parameters<W> },
): Promise<WorkflowHandle<W>> {
  const client = new Client({ connection, namespace: runtime.namespace })
  const options = {
    workflowId: `${runtime.fairnessKey}/${id}`,
    taskQueue: runtime.taskQueue,
    args,
    // Activities inherit it.
    priority: { fairnessKey: runtime.fairnessKey, fairnessWeight: runtime.fairnessWeight },
    typedSearchAttributes: [
      { key: tenantAttributes.tenantId, value: tenantId },
      { key: tenantAttributes.environment, value: environment },
    ],
  }
  return client.workflow.start<Workflow>(workflow, options)
}
