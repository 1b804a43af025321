import { join } from 'node:path'
import { createClient, createTenantContexts, type ClientOptions } from '@freehold/sdk'
import { keptApiKey } from '../deploy/first-keys.ts'
import { ownTaskQueue } from '../domain/names.ts'
import { startOwnWorkloads, startWorkloads } from '../examples/workloads/worker.ts'
import type { Orm } from '../registry/orm.ts'
import { workflowBundle } from '../worker/workflow-bundle.ts'

/**
 * The example's workers for the tasks of tenants, in this process: one for those that share a queue, and one for each queue
 * that a tenant has for itself, started and stopped as tenants come and go. They ask the API like any other, with a key of
 * their own that may only read, kept in `<stateDir>/workloads.key`.
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
  const common = { address: temporalAddress, contexts: createTenantContexts({ url: api, apiKey: key }), workflows }
  const shared = await startWorkloads(common)
  const own = startOwnWorkloads({ ...common, queues: () => ownQueues({ url: api, apiKey: key }) })
  return {
    ended: shared.ended,
    async stop() {
      await Promise.all([own.stop(), shared.stop()])
    },
  }
}

const withOwnQueue = ['st-dedicated', 'st-byoc']

/** Task queues that tenants have for themselves. */
export async function ownQueues(options: ClientOptions): Promise<string[]> {
  const client = createClient(options)
  const lists = await Promise.all(withOwnQueue.map((profile) => client.listTenants({ profile })))
  const tenants = lists.flatMap(({ items }) => items)
  return tenants.flatMap(({ code, environments }) => environments.map(({ name }) => ownTaskQueue(code, name)))
}
