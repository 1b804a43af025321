import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdingMappers } from '../../support/holds.ts'
import { tries } from '../../support/timing.ts'
import { enter, expectSight, passages, standing, type Passage } from '../../support/transitions.ts'
import { createWorld, type World } from '../../support/world.ts'

/** Every transition, disturbed from outside in the middle of a step, as from the Web UI: it ends as the table says, and whole. */
let world: World
let holding: ReturnType<typeof holdingMappers>
beforeAll(async () => {
  // Long tries, so that what ends one is what happens to its workflow.
  world = await createWorld({ timing: { tryMs: tries(30_000) } })
  holding = holdingMappers(world.deps.mappers)
  await world.worker({ mappers: holding.mappers })
})
afterAll(() => world.close())

/** A tenant in the middle of a passage. */
async function halfWay(passage: Passage, slug: string) {
  const hold = Promise.withResolvers<ReturnType<typeof holding.hold>>()
  const entered = await enter(world, passage, slug, (tenant) =>
    hold.resolve(holding.hold(tenant, ({ action, step }) => `${action} ${step}` === passage.middle)),
  )
  const { reached, goOn } = await hold.promise
  await reached
  return { ...entered, handle: await world.workflow(entered.operation.workflowId), goOn }
}
const slugOf = (fault: string, { name }: Passage) => `${fault}-${name.replaceAll(' ', '-')}`
const command = (slug: string, name: 'retry' | 'abort') => world.request('POST', `/v1/tenants/${slug}/${name}`, {})
const all = passages.map((passage) => [passage.name, passage] as const)
const thereAndBack = all.filter(([, { undone }]) => undone !== undefined)
const onlyForward = all.filter(([, { undone }]) => undone === undefined)

describe.concurrent('a workflow that is terminated', { timeout: 180_000 }, () => {
  it.each(all)('locks no tenant, says so, and a retry ends it: %s', async (_, passage) => {
    const slug = slugOf('ended', passage)
    const { tenant, operation, handle, goOn } = await halfWay(passage, slug)
    await handle.terminate('by hand')
    expect((await world.until(operation.id, 'interrupted')).error).toMatchObject({ code: 'workflow_lost' })
    expect((await standing(world, tenant)).conditions).toEqual(['NeedsAttention'])
    goOn()
    expect((await command(slug, 'retry')).status).toBe(202)
    expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded', attempt: 2 })
    await expectSight(world, tenant, passage.done)
  })

  it.each(thereAndBack)('is undone by an abort: %s', async (_, passage) => {
    const slug = slugOf('undone', passage)
    const { tenant, operation, handle, goOn } = await halfWay(passage, slug)
    await handle.terminate('by hand')
    await world.until(operation.id, 'interrupted')
    goOn()
    expect((await command(slug, 'abort')).status).toBe(202)
    expect(await world.until(operation.id, 'aborted')).toMatchObject({ attempt: 2 })
    await expectSight(world, tenant, passage.undone ?? passage.done)
  })
})

describe.concurrent('a workflow that is cancelled', { timeout: 180_000 }, () => {
  it.each(thereAndBack)('undoes what it did, and can be tried again: %s', async (_, passage) => {
    const slug = slugOf('cancelled', passage)
    const { tenant, operation, handle, goOn } = await halfWay(passage, slug)
    await handle.cancel()
    const { error, attempt } = await world.until(operation.id, 'aborted')
    expect([error, attempt]).toEqual([{ code: 'operation_aborted', message: 'undone on request' }, 1])
    await expectSight(world, tenant, passage.undone ?? passage.done)
    goOn()
    expect((await command(slug, 'retry')).status).toBe(202)
    expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded', attempt: 2 })
    await expectSight(world, tenant, passage.doneAgain ?? passage.done)
  })

  it.each(onlyForward)('goes forward all the same: %s', async (_, passage) => {
    const slug = slugOf('cancelled', passage)
    const { tenant, operation, handle, goOn } = await halfWay(passage, slug)
    await handle.cancel()
    goOn()
    expect(await world.until(operation.id, 'succeeded', 'aborted', 'interrupted')).toMatchObject({
      state: 'succeeded',
      attempt: 1,
    })
    await expectSight(world, tenant, passage.done)
  })
})
