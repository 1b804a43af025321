import { randomUUID } from 'node:crypto'
import { Connection, type WorkflowHandle } from '@temporalio/client'
import pg from 'pg'
import { expect, inject } from 'vitest'
import { type Activities } from '../../../examples/workloads/activities.ts'
import { submitTask } from '../../../examples/workloads/submit-task.ts'
import { createTenantContexts, type TenantContext } from '../../../packages/sdk/index.ts'
import { startWorkloads, type WorkloadsOptions } from '../../../examples/workloads/worker.ts'
import type { TenantState } from '../../../domain/lifecycle.ts'
import { freePorts } from '../../../local/ports.ts'
import { listen } from '../../../base/http-server.ts'
import { createApiKey } from '../../../registry/api-keys.ts'
import { createWorld } from '../../support/world.ts'

/** How long a worker of these tests goes by what it read. */
export const contextsFreshMs = 50

/** A world with its API on a port and a queue of its own for the work of tenants. */
export async function createWorkloads() {
  const world = await createWorld()
  await world.worker()
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  const registry = new pg.Client({ connectionString: world.adminUrl('registry') })
  await registry.connect()
  const [port = 0] = await freePorts(1)
  const serve = () => listen(world.api().fetch, { host: '127.0.0.1', port, variable: 'FREEHOLD_PORT' })
  let api = await serve()
  const key = await createApiKey(world.deps.orm.em.fork(), 'workloads', 'platform-auditor')
  const contexts = () => createTenantContexts({ url: api.url, apiKey: key, freshMs: contextsFreshMs })
  const workers: { stop(): Promise<void> }[] = []

  return {
    /** The queue of the running test; the real one, `work`, is shared by all worlds. */
    queue: '',
    /** Begins a test with a queue nobody uses. */
    newQueue() {
      this.queue = `${world.name}-${randomUUID().slice(0, 8)}`
    },
    /** An active tenant's context, whose tasks go to the queue of the running test. */
    async tenant(slug: string, spec: object = {}): Promise<TenantContext> {
      const { operation } = await world.apply(slug, spec)
      await world.until(operation.id, 'succeeded')
      return this.inQueue(await contexts().read(slug, 'prod'))
    },
    inQueue(context: TenantContext): TenantContext {
      return {
        ...context,
        topology: { ...context.topology, runtime: { ...context.topology.runtime, taskQueue: this.queue } },
      }
    },
    contexts,
    client: () => ({ url: api.url, apiKey: key }),
    /** An active tenant with a queue of its own. */
    async dedicated(slug: string): Promise<TenantContext> {
      const { operation } = await world.apply(slug, { profile: 'st-dedicated' })
      await world.until(operation.id, 'succeeded')
      return contexts().read(slug, 'prod')
    },
    /** Gives a command, and waits until it is done. */
    async command(slug: string, name: string): Promise<void> {
      const { body } = await world.request('POST', `/v1/tenants/${slug}/${name}`, { reason: 'a test' })
      await world.until((body['operation'] as { id: string }).id, 'succeeded')
    },
    /** How many tasks wait in a queue that no worker has been given yet. */
    async waitingIn(taskQueue: string): Promise<number> {
      const { stats } = await connection.workflowService.describeTaskQueue({
        namespace: 'workloads',
        taskQueue: { name: taskQueue },
        taskQueueType: 2,
        reportStats: true,
      })
      return Number(stats?.approximateBacklogCount ?? 0)
    },
    submit: (context: TenantContext, name: string, milliseconds = 10) =>
      submitTask(connection, context, randomUUID(), { name, milliseconds }),
    async worker(options: Partial<WorkloadsOptions> = {}) {
      const worker = await startWorkloads({
        address: inject('temporalAddress'),
        contexts: contexts(),
        taskQueue: this.queue,
        waits: { firstMs: 20, lastMs: 200 },
        ...options,
      })
      workers.push(worker)
      return worker
    },
    connection,
    async setState({ tenantId }: TenantContext, state: TenantState): Promise<void> {
      await registry.query('update tenants set state = $2 where id = $1', [tenantId, state])
    },
    stopApi: () => api.stop(),
    async startApi(): Promise<void> {
      api = await serve()
    },
    /** Ends the workers of a test. */
    async stopWorkers(): Promise<void> {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    },
    async close(): Promise<void> {
      await this.stopWorkers()
      await api.stop()
      await registry.end()
      await connection.close()
      await world.close()
    },
  }
}
export type Workloads = Awaited<ReturnType<typeof createWorkloads>>

/** Activities that note what they do. */
export function recording(work: Activities['work'] = async () => 'done') {
  const seen = { begun: [] as string[], ended: [] as string[], running: 0, mostAtOnce: 0 }
  const activities: Activities = {
    async work(tenant, task) {
      seen.begun.push(task.name)
      seen.running += 1
      seen.mostAtOnce = Math.max(seen.mostAtOnce, seen.running)
      try {
        const result = await work(tenant, task)
        seen.ended.push(task.name)
        return result
      } finally {
        seen.running -= 1
      }
    },
  }
  return { seen, activities }
}

/** Waits until the task was offered and put off more than once, for the given reason. */
export async function untilItWaits(task: WorkflowHandle, reason: string): Promise<void> {
  await expect
    .poll(
      async () => {
        const { raw } = await task.describe()
        const [pending] = raw.pendingActivities ?? []
        return (pending?.attempt ?? 0) > 2 ? (pending?.lastFailure?.message ?? '') : 'not yet'
      },
      { timeout: 20_000 },
    )
    .toContain(reason)
}
