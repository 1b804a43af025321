import { afterAll, beforeAll, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { createWorld, type World } from '../../support/world.ts'

const results: { activity: string; first: unknown; second: unknown }[] = []
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker({}, world.name, [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const first: unknown = await next(input)
          const second: unknown = await next(input)
          if (info.activityType === 'migrate' && (input.args[0] as { step: string }).step.startsWith('broken/'))
            throw new FreeholdError('migration_failed', 'this environment is broken')
          results.push({ activity: info.activityType, first, second })
          return second
        },
      },
    }),
  ])
})
afterAll(() => world.close())

it('every activity run twice in a row gives the same result, and every operation the same end', async () => {
  const { operation } = await world.apply('twice')
  await world.until(operation.id, 'succeeded')
  const rotation = await world.request('POST', '/v1/tenants/twice/credentials', { rotate: true })
  await world.until((rotation.body['operation'] as { id: string }).id, 'succeeded')
  expect((await world.request('POST', '/v1/tenants/twice/credentials', {})).status).toBe(200)

  const broken = await world.apply('twice-broken', { environments: [{ name: 'broken' }] })
  await world.until(broken.operation.id, 'failed')
  expect((await world.request('GET', '/v1/tenants/twice-broken/resources')).body['items']).toEqual([])
  const removal = await world.request('POST', '/v1/tenants/twice-broken/purge')
  await world.until((removal.body['operation'] as { id: string }).id, 'succeeded')

  expect(new Set(results.map(({ activity }) => activity))).toEqual(
    new Set(['begin', 'beginUndo', 'ensure', 'migrate', 'remove', 'rotate', 'settle']),
  )
  for (const { first, second } of results) expect(second).toEqual(first)
})
