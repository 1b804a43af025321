import { join } from 'node:path'
import { createTenantContexts } from '@freehold/sdk'
import { keptApiKey } from '../deploy/first-keys.ts'
import { startWorkloads } from '../examples/workloads/worker.ts'
import type { Orm } from '../registry/orm.ts'
import { workflowBundle } from '../worker/workflow-bundle.ts'

/**
 * The example's worker for the tasks of tenants, in this process: it asks the API like any other, with a key of its own
 * that may only read, kept in `<stateDir>/workloads.key`.
 */
export async function startTenantWorkloads(
  orm: Orm,
  { stateDir, api, temporalAddress }: { stateDir: string; api: string; temporalAddress: string },
): ReturnType<typeof startWorkloads> {
  const { key } = await keptApiKey(orm, {
    file: join(stateDir, 'workloads.key'),
    name: 'local-workloads',
    role: 'platform-auditor',
  })
  const workflows = {
    workflowBundle: await workflowBundle(new URL('../examples/workloads/workflows.ts', import.meta.url)),
  }
  return startWorkloads({
    address: temporalAddress,
    contexts: createTenantContexts({ url: api, apiKey: key }),
    workflows,
  })
}
