import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { contextsFreshMs, createWorkloads, recording, untilItWaits, type Workloads } from './support.ts'

describe('tasks of tenants', () => {
  let world: Workloads
  beforeAll(async () => {
    world = await createWorkloads()
  })
  beforeEach(() => world.newQueue())
  afterEach(() => world.stopWorkers())
  afterAll(() => world.close())

  it('wait while their tenant is not active, none runs, and each runs once when it is active again', async () => {
    const tenant = await world.tenant('sleeper')
    await world.setState(tenant, 'suspended')
    const { seen, activities } = recording()
    await world.worker({ activities })
    const names = Array.from({ length: 10 }, (_, index) => `task ${index}`)
    const tasks = await Promise.all(names.map((name) => world.submit(tenant, name)))

    await Promise.all(tasks.map((task) => untilItWaits(task, 'is suspended')))
    await world.setState(tenant, 'soft-deleted')
    await Promise.all(tasks.map((task) => untilItWaits(task, 'is soft-deleted')))
    await world.setState(tenant, 'purged')
    await Promise.all(tasks.map((task) => untilItWaits(task, 'tenant_gone')))
    expect(seen.begun).toEqual([])

    await world.setState(tenant, 'active')
    await Promise.all(tasks.map((task) => task.result()))
    expect(seen.begun.toSorted()).toEqual(names)
  })

  it('wait when Freehold knows no such tenant or environment, and other tenants do not notice', async () => {
    const tenant = await world.tenant('known')
    const { seen, activities } = recording()
    await world.worker({ activities })
    const strangers = await Promise.all([
      world.submit({ ...tenant, tenantId: randomUUID() }, 'no tenant'),
      world.submit({ ...tenant, environment: 'moon' }, 'no environment'),
    ])
    await untilItWaits(strangers[0], 'tenant_not_found')
    await untilItWaits(strangers[1], 'environment_not_found')
    await (await world.submit(tenant, 'own')).result()
    expect(seen.begun).toEqual(['own'])
    await Promise.all(strangers.map((task) => task.terminate()))
  })

  it('wait while Freehold cannot be asked, also of a tenant that was active just before', async () => {
    const tenant = await world.tenant('patient')
    const { seen, activities } = recording()
    await world.worker({ activities })
    await (await world.submit(tenant, 'before')).result()
    await world.stopApi()
    // What was read just before counts for as long as it is fresh.
    await sleep(contextsFreshMs * 2)
    const task = await world.submit(tenant, 'after')
    await untilItWaits(task, 'does not answer')
    expect(seen.begun).not.toContain('after')
    await world.startApi()
    await task.result()
    expect(seen.begun).toContain('after')
  })

  it('run no more at a time than the quota of their tenant allows, and all of them run', async () => {
    const tenant = await world.tenant('limited', { quotas: { concurrentTasks: 2 } })
    let enough: (() => void) | undefined
    const twoAtOnce = new Promise<void>((resolve) => (enough = resolve))
    const { seen, activities } = recording(async () => {
      if (seen.running === 2) enough?.()
      // The first waits for a second one: the quota is not only kept, it is used. The others leave time for a third.
      await twoAtOnce
      await sleep(50)
      return 'done'
    })
    await world.worker({ activities, concurrency: 10 })
    const tasks = await Promise.all(Array.from({ length: 12 }, (_, index) => world.submit(tenant, `task ${index}`)))
    await Promise.all(tasks.map((task) => task.result()))
    expect(seen.mostAtOnce).toBe(2)
    expect(seen.begun).toHaveLength(12)
  })

  it('of one tenant, however many, do not hold up the one of another', async () => {
    const [noisy, quiet] = [await world.tenant('noisy'), await world.tenant('quiet', { plan: 'free' })]
    const { seen, activities } = recording(async () => {
      await sleep(10)
      return 'done'
    })
    const many: Awaited<ReturnType<typeof world.submit>>[] = []
    for (let wave = 0; wave < 12; wave += 1)
      many.push(...(await Promise.all(Array.from({ length: 10 }, () => world.submit(noisy, 'noisy')))))
    const one = await world.submit(quiet, 'quiet')
    await world.worker({ activities, concurrency: 10 })
    await one.result()
    expect(seen.ended.indexOf('quiet')).toBeLessThan(40)
    await Promise.all(many.map((task) => task.result()))
    expect(seen.ended).toHaveLength(121)
  }, 120_000)
})
