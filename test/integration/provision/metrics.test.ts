import { afterAll, beforeAll, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker({}, world.name, [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          if (info.activityType === 'settle' && info.attempt === 1)
            throw new FreeholdError('substrate_unavailable', 'a moment, please')
          return next(input)
        },
      },
    }),
  ])
})
afterAll(() => world.close())

const scrape = async () => (await world.api().request('/metrics')).text()

it('tells of the steps of a tenant, and neither the tenant nor any secret', async () => {
  const contact = 'planted.person@secret.example'
  const { tenant, operation } = await world.apply('planted-slug', { contacts: [{ role: 'admin', email: contact }] })
  await world.until(operation.id, 'succeeded')
  const credentials = await world.request('POST', '/v1/tenants/planted-slug/credentials', {})
  const { password, user } = credentials.body['database'] as { password: string; user: string }
  for (const path of ['', '/resources', '/events', '/context'])
    await world.request('GET', `/v1/tenants/planted-slug${path}`)
  await world.request('GET', `/v1/operations/${operation.id}`)

  const text = await scrape()
  expect(text).toMatch(/freehold_activity_duration_seconds_count\{activity="\w+",outcome="succeeded"\} [1-9]/)
  expect(text).toContain('freehold_activity_failures_total{activity="settle",code="substrate_unavailable"} 1')
  expect(text).toMatch(/freehold_sweep_last_success_timestamp_seconds [1-9]/)
  expect(text).toContain('freehold_tenants{state="active"} 1')
  expect(text).toContain('path="/v1/tenants/:idOrSlug/credentials"')
  const planted = [tenant.slug, tenant.id, tenant.code, operation.id, contact, password, user, world.key]
  const environment = [world.environment.TEST_PLATFORM_KEY, new URL(world.environment.FREEHOLD_WAREHOUSE_URL).password]
  expect([...planted, ...environment].filter((secret) => text.includes(secret))).toEqual([])
})
