import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
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

/** What says, here and in the world, whether the tenant may work. */
async function doors({ id, code, slug }: SeenTenant) {
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  const { rows: roles } = await admin.query<{ login: boolean }>(
    'select rolcanlogin as login from pg_roles where rolname = $1',
    [`t_${code}_prod_1_app`],
  )
  await admin.end()
  const placements = await sqlOf(world.deps.orm.pool)<{ state: string }>({
    text: 'select state from placements where tenant_id = $1',
    values: [id],
  })
  const topic = await world.bus.administration.getTopic(`tenant-${code}-prod`)
  const { status } = await world.bus.administration.getSubscription(`tenant-${code}-prod`, 'all')
  return {
    tenant: (await world.tenant(slug)).state,
    placements: placements.map(({ state }) => state),
    sides: (await remainsOf(world, { id, code })).sides,
    login: roles.map(({ login }) => login),
    rights: topic.authorizationRules?.map(({ accessRights }) => accessRights),
    receiving: status,
  }
}
const closed = {
  tenant: 'suspended',
  placements: ['suspended'],
  sides: ['prod/1 suspended'],
  login: [false],
  rights: [['Send']],
  receiving: 'ReceiveDisabled',
}

it('set before a provision begins: it ends suspended, and every door is closed', async () => {
  const { tenant, operation } = await world.apply('before')
  await setLatch(tenant)
  const worker = await world.worker()
  await world.until(operation.id, 'succeeded')
  await worker.stop()
  expect(await doors(tenant)).toEqual(closed)
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
  expect(await doors(tenant)).toEqual(closed)
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
  expect(await doors(tenant)).toMatchObject({ tenant: 'suspended', placements: ['suspended'] })
})
