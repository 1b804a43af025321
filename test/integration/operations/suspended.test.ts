import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { closed, doors } from '../../support/doors.ts'
import { remainsOf, whole } from '../../support/remains.ts'
import { createWorld, type SeenTenant, type World } from '../../support/world.ts'

/** The latch of suspend, which does not wait for a provision: what is made once it is set is born closed. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const setLatch = ({ id }: SeenTenant) =>
  sqlOf(world.deps.orm.pool)({ text: 'update tenants set suspended = true where id = $1', values: [id] })

it('set before a provision begins: it ends suspended, and every door is closed', async () => {
  const { tenant, operation } = await world.apply('before')
  await setLatch(tenant)
  const worker = await world.worker()
  await world.until(operation.id, 'succeeded')
  await worker.stop()
  expect(await doors(world, tenant)).toEqual(closed)
  expect(await remainsOf(world, tenant)).toEqual(whole(tenant, 'prod', 'suspended'))
})

it('set between its steps: what comes after is born closed', async () => {
  const arrived = Promise.withResolvers<undefined>()
  const goOn = Promise.withResolvers<undefined>()
  const worker = await world.worker({}, world.name, [
    () => ({
      inbound: {
        async execute(input, next) {
          const { step = '' } = input.args[0] as { step?: string }
          if (step === 'prod/secrets') {
            const result: unknown = await next(input)
            arrived.resolve(undefined)
            return result
          }
          if (step !== '') await goOn.promise
          return next(input)
        },
      },
    }),
  ])
  const { tenant, operation } = await world.apply('between')
  await arrived.promise
  await setLatch(tenant)
  goOn.resolve(undefined)
  await world.until(operation.id, 'succeeded')
  await worker.stop()
  expect(await doors(world, tenant)).toEqual(closed)
})

it('set after all was made: the tenant is suspended, and nothing is said to be active', async () => {
  const { tenant, operation } = await world.apply('after')
  const worker = await world.worker({}, world.name, [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          if (info.activityType === 'settle') await setLatch(tenant)
          return next(input)
        },
      },
    }),
  ])
  await world.until(operation.id, 'succeeded')
  await worker.stop()
  expect(await doors(world, tenant)).toMatchObject({ tenant: 'suspended', placements: ['suspended'] })
})
