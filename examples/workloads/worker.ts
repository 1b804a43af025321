import { fileURLToPath } from 'node:url'
import { startTenantPools, type TenantPools, type TenantPoolsOptions } from '@freehold/tenant-worker/pools'
import { startTenantWorker, type TenantWorker, type TenantWorkerOptions } from '@freehold/tenant-worker/worker'
import { activities, type Activities } from './activities.ts'

export type WorkloadsOptions = Omit<TenantWorkerOptions, 'activities' | 'workflows'> & {
  readonly activities?: Activities
  readonly workflows?: TenantWorkerOptions['workflows']
}

/** Starts the worker of the tasks of all tenants that share a queue, with the activities and workflows of this folder. */
export function startWorkloads(options: WorkloadsOptions): Promise<TenantWorker> {
  return startTenantWorker({ activities, workflows: { workflowsPath: workflowsPath() }, ...options })
}

/** The same for tenants with a queue of their own: one worker for each of these queues. */
export function startOwnWorkloads(
  options: WorkloadsOptions & Pick<TenantPoolsOptions, 'queues' | 'lookMs' | 'onError'>,
): TenantPools {
  return startTenantPools({ activities, workflows: { workflowsPath: workflowsPath() }, ...options })
}

const workflowsPath = () => fileURLToPath(new URL('./workflows.ts', import.meta.url))
