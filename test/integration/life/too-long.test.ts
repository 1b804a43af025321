import { afterAll, beforeAll, expect, it } from 'vitest'
import { testTiming } from '../../support/timing.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld({ timing: { tryMs: { ...testTiming.tryMs, export: 2_000 } } })
})
afterAll(() => world.close())

it('an export that takes longer than it may is not begun again from its beginning while the tenant stays closed', async () => {
  const { operation } = await world.apply('large')
  let tries = 0
  const slow = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
    if (action !== 'export' || target.spec.kind !== 'object-store') return run()
    tries += 1
    return new Promise((_, reject) => target.signal.addEventListener('abort', () => reject(target.signal.reason)))
  })
  const worker = await world.worker({ mappers: slow })
  await world.until(operation.id, 'succeeded')
  const { body } = await world.request('POST', '/v1/tenants/large/archive', {})
  const ended = await world.until((body['operation'] as SeenOperation).id, 'failed')
  await worker.stop()
  expect({ tries, error: ended.error?.message }).toEqual({
    tries: 1,
    error: expect.stringContaining('FREEHOLD_ARCHIVE_TIMEOUT_MS'),
  })
})
