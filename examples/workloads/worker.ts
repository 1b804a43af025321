import { fileURLToPath } from 'node:url'
import { startTenantWorker, type TenantWorker, type TenantWorkerOptions } from '@freehold/tenant-worker/worker'
import { activities, type Activities } from './activities.ts'

export type WorkloadsOptions = Omit<TenantWorkerOptions, 'activities' | 'workflows'> & {
  readonly activities?: Activities
  readonly workflows?: TenantWorkerOptions['workflows']
}

/** Starts the worker of the tasks of all tenants, with the activities and workflows of this folder. */
export function startWorkloads(options: WorkloadsOptions): Promise<TenantWorker> {
  const workflowsPath = fileURLToPath(new URL('./workflows.ts', import.meta.url))
  return startTenantWorker({ activities, workflows: { workflowsPath }, ...options })
}
