import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTenantContexts } from '@freehold/sdk'
import { startWorkloads } from '../examples/workloads/worker.ts'
import { createApiKey, findApiKey } from '../registry/api-keys.ts'
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
  const key = await keptApiKey(orm, join(stateDir, 'workloads.key'))
  const workflows = {
    workflowBundle: await workflowBundle(new URL('../examples/workloads/workflows.ts', import.meta.url)),
  }
  return startWorkloads({
    address: temporalAddress,
    contexts: createTenantContexts({ url: api, apiKey: key }),
    workflows,
  })
}

/** The kept key as long as the registry knows it, else a new one: the registry may be a new one as well. */
async function keptApiKey(orm: Orm, file: string): Promise<string> {
  const kept = read(file)
  if (kept !== undefined && (await findApiKey(orm.em.fork(), kept)) !== null) return kept
  const key = await createApiKey(orm.em.fork(), 'local-workloads', 'platform-auditor')
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return key
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
