import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, manifest, type SeenOperation, type World } from '../../support/world.ts'

/** What an update left planned and could neither make nor remove is in nobody's way: the rest of the tenant opens again. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** An active tenant with a database of an environment that was never made, because its server was down. */
async function withLeftover(slug: string): Promise<void> {
  const { operation } = await world.apply(slug)
  const broken = aroundVerbs(world.deps.mappers, async ({ target }, run) => {
    if (target.spec.kind === 'database' && target.spec.environment === 'new')
      throw new FreeholdError('substrate_unavailable', 'the server of the test is down')
    return run()
  })
  const worker = await world.worker({ mappers: broken })
  await world.until(operation.id, 'succeeded')
  const environments = [{ name: 'prod' }, { name: 'new' }]
  const { body } = await world.request('PUT', `/v1/tenants/${slug}`, manifest(slug, { environments }))
  const failed = await world.until((body['operation'] as SeenOperation).id, 'failed')
  expect(failed.error).toMatchObject({ unresolved: expect.arrayContaining(['new/1/database']) })
  expect((await world.tenant(slug)).state).toBe('active')
  await worker.stop()
}
async function command(slug: string, name: string): Promise<SeenOperation> {
  const { status, body } = await world.request('POST', `/v1/tenants/${slug}/${name}`, {})
  expect([status, body]).toEqual([202, expect.anything()])
  return world.until((body['operation'] as SeenOperation).id, 'succeeded', 'failed', 'interrupted')
}

it.each([
  ['suspend', 'resume'],
  ['delete', 'undelete'],
  ['archive', 'restore'],
])('a tenant with what was never made comes back from a %s', async (close, open) => {
  await withLeftover(`left-${close}`)
  const worker = await world.worker()
  onTestFinished(() => worker.stop())
  expect(await command(`left-${close}`, close)).toMatchObject({ state: 'succeeded', error: null })
  expect(await command(`left-${close}`, open)).toMatchObject({ state: 'succeeded', error: null })
  expect((await world.tenant(`left-${close}`)).state).toBe('active')
})
