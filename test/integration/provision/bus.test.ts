import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { testTiming } from '../../support/timing.ts'
import { createWorld, manifest, type World } from '../../support/world.ts'

async function openWorld(options: Parameters<typeof createWorld>[0]): Promise<World> {
  const world = await createWorld(options)
  onTestFinished(() => world.close())
  return world
}

/** The example platform file with another capacity of its bus. */
function platformFile(capacity: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'freehold-platform-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const text = readFileSync('examples/platform.yaml', 'utf8').replace('capacity: 6000', `capacity: ${capacity}`)
  expect(text).toContain(`capacity: ${capacity}`)
  const file = join(directory, 'platform.yaml')
  writeFileSync(file, text)
  return file
}

/** What the registry knows of places and tenants. */
async function registry(world: World): Promise<unknown> {
  const select = (sql: string) => world.deps.orm.em.fork().execute(sql)
  return {
    cells: await select('select name, used from cells order by name'),
    buses: await select('select name, used from buses order by name'),
    counts: await select(
      'select (select count(*) from tenants) tenants, (select count(*) from placements) placements, (select count(*) from operations) operations',
    ),
  }
}

it('a namespace that takes no more topics fails the provision by name, and nothing is left behind', async () => {
  const world = await openWorld({ busLimits: { topics: 5 } })
  await world.worker()
  const first = await world.apply('first')
  await world.until(first.operation.id, 'succeeded')
  const create = (index: number) => world.bus.administration.createTopic(`filler-${index}`)
  const isFull = async (index: number) =>
    create(index).then(
      () => false,
      () => true,
    )
  for (let index = 0; !(await isFull(index)); index += 1);
  const topics = await world.bus.topics()
  const { operation } = await world.apply('second')
  const failed = await world.until(operation.id, 'failed')
  expect(failed.error).toMatchObject({ code: 'bus_exhausted', step: 'prod/topic' })
  expect(failed.error?.message).toContain('eu-north-bus-1')
  expect(failed.error?.unresolved).toBeUndefined()
  expect(await world.bus.topics()).toEqual(topics)
  expect((await world.request('GET', '/v1/tenants/second/resources')).body['items']).toEqual([])

  for (const topic of topics.filter((name) => name.startsWith('filler-')))
    await world.bus.administration.deleteTopic(topic)
  await world.request('POST', '/v1/tenants/second/retry', {})
  await world.until(operation.id, 'succeeded')
})

it('a bus whose capacity is used up refuses the tenant when it is accepted, and nothing changes', async () => {
  const world = await openWorld({ environment: { FREEHOLD_PLATFORM_FILE: platformFile(1) } })
  const before = await registry(world)
  const both = { environments: [{ name: 'prod' }, { name: 'staging' }] }
  const tooMany = await world.request('POST', '/v1/tenants', manifest('two-at-once', both))
  expect(tooMany).toMatchObject({ status: 409, body: { code: 'bus_exhausted', retry: true } })
  expect(await registry(world)).toEqual(before)
  await world.apply('first')
  const full = await registry(world)
  const refused = await world.request('POST', '/v1/tenants', manifest('second'))
  expect(refused).toMatchObject({ status: 409, body: { code: 'bus_exhausted' } })
  expect(String(refused.body['detail'])).toContain('add a bus')
  expect(await registry(world)).toEqual(full)
})

it('a bus that is down holds the provision up, which ends well once it is back', async () => {
  const world = await openWorld({ timing: { maximumAttempts: 200, tryMs: { ...testTiming.tryMs, ensure: 10_000 } } })
  await world.bus.stop()
  await world.worker()
  const { operation } = await world.apply('patient')
  const handle = await world.workflow(operation.workflowId)
  await expect
    .poll(
      async () => {
        const { pendingActivities = [] } = (await handle.describe()).raw
        return pendingActivities?.map(({ lastFailure }) => lastFailure?.applicationFailureInfo?.type)
      },
      { timeout: 30_000 },
    )
    .toContain('substrate_unavailable')
  expect(await world.operation(operation.id)).toMatchObject({ state: 'running' })
  await world.bus.start()
  await world.until(operation.id, 'succeeded')
  expect((await world.bus.topics()).filter((name) => name.startsWith('tenant-'))).toHaveLength(1)
})

it('without a bus a tenant gets no topic, and its context and credentials say so', async () => {
  const world = await openWorld({ environment: { EVENTS: 'webhooks' } })
  await world.worker()
  const { operation } = await world.apply('silent')
  await world.until(operation.id, 'succeeded')
  const context = await world.request('GET', '/v1/tenants/silent/context')
  expect(context.body['topology']).toMatchObject({ events: { transport: 'webhooks' } })
  const resources = await world.request('GET', '/v1/tenants/silent/resources')
  expect(JSON.stringify(resources.body)).not.toContain('topic')
  expect((await world.request('POST', '/v1/tenants/silent/credentials', {})).body).toMatchObject({ bus: null })
  expect(await world.bus.topics()).toEqual([])
})
