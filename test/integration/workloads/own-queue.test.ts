import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { startOwnWorkloads } from '../../../examples/workloads/worker.ts'
import { submitTask } from '../../../examples/workloads/submit-task.ts'
import { ownQueues } from '../../../local/workloads.ts'
import { createWorkloads, recording, type Workloads } from './support.ts'

/** Tenants with a queue of their own, whose workers come and go by themselves. */
describe('a task queue of its own', () => {
  let world: Workloads
  beforeAll(async () => {
    world = await createWorkloads()
  })
  afterAll(() => world.close())

  it('gets a worker by itself; while its tenant is suspended its tasks wait in it, none is lost, and each runs once', async () => {
    const { seen, activities } = recording()
    const pools = startOwnWorkloads({
      address: inject('temporalAddress'),
      contexts: world.contexts(),
      waits: { firstMs: 20, lastMs: 200 },
      activities,
      queues: () => ownQueues(world.client()),
      lookMs: 200,
    })
    onTestFinished(() => pools.stop())
    const tenant = await world.dedicated('alone')
    expect(tenant.topology.runtime.taskQueue).toMatch(/^work-[a-z0-9]{8}-prod$/)
    const submit = (name: string) => submitTask(world.connection, tenant, randomUUID(), { name, milliseconds: 1 })
    await (await submit('first')).result()

    await world.command('alone', 'suspend')
    const names = Array.from({ length: 10 }, (_, index) => `task ${index}`)
    const tasks = await Promise.all(names.map(submit))
    await expect.poll(() => world.waitingIn(tenant.topology.runtime.taskQueue), { timeout: 20_000 }).toBe(10)
    expect(seen.begun).toEqual(['first'])
    await world.command('alone', 'resume')
    await Promise.all(tasks.map((task) => task.result()))
    expect(seen.begun.toSorted()).toEqual(['first', ...names])
  })
})
