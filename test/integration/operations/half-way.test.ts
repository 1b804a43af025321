import { afterAll, beforeAll, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, manifest, type SeenOperation, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const idOf = ({ body }: { body: Record<string, unknown> }) => (body['operation'] as SeenOperation).id
const conditions = async () => (await world.tenant('half')).conditions.map(({ type }) => type)

it('what a rotation left half-way is told until somebody has brought it to its end', async () => {
  const { operation } = await world.apply('half')
  const failing = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
    if (action === 'rotate' && target.spec.kind === 'database')
      throw new FreeholdError('substrate_unavailable', 'a fault of the test')
    return run()
  })
  const worker = await world.worker({ mappers: failing })
  await world.until(operation.id, 'succeeded')
  const rotation = idOf(await world.request('POST', '/v1/tenants/half/credentials', { rotate: true }))
  await expect.poll(conditions, { timeout: 20_000 }).toEqual(['NeedsAttention'])
  await world.request('POST', '/v1/tenants/half/abort', {})
  await world.until(rotation, 'aborted')
  expect(await conditions()).toEqual(['NeedsAttention'])
  // It changes a name in the registry alone, and nothing of the database.
  const renamed = { ...manifest('half'), metadata: { slug: 'half', name: 'Another name' } }
  await world.until(idOf(await world.request('PUT', '/v1/tenants/half', renamed)), 'succeeded')
  expect(await conditions()).toEqual(['NeedsAttention'])
  await worker.stop()
  const healthy = await world.worker()
  const again = idOf(await world.request('POST', '/v1/tenants/half/credentials', { rotate: true }))
  await world.until(again, 'succeeded')
  expect(await conditions()).toEqual([])
  await healthy.stop()
})
