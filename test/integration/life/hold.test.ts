import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApiKey } from '../../../registry/api-keys.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** What must stay is neither deleted nor purged; what cannot be undone is confirmed by the slug. */
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

async function provisioned(slug: string, spec: object = {}): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug, spec)
  await world.until(operation.id, 'succeeded')
  return tenant
}
const post = (slug: string, name: string, body: object = {}) =>
  world.request('POST', `/v1/tenants/${slug}/${name}`, body)
const hold = (slug: string, method: 'PUT' | 'DELETE', body: object, headers = {}) =>
  world.request(method, `/v1/tenants/${slug}/legal-hold`, body, headers)
async function done(slug: string, name: string, body: object = {}): Promise<void> {
  const { status, body: answer } = await post(slug, name, body)
  expect([status, answer]).toEqual([202, expect.anything()])
  await world.until((answer['operation'] as SeenOperation).id, 'succeeded')
}
const purgeOf = async ({ id }: SeenTenant) => {
  const [row] = await sqlOf(world.deps.orm.pool)<{ state: string }>({
    text: `select state from operations where tenant_id = $1 and kind = 'purge' order by id desc limit 1`,
    values: [id],
  })
  return row?.state
}

it('a tenant under legal hold is not deleted, and is once the hold is lifted', async () => {
  await provisioned('held')
  const { status, body } = await hold('held', 'PUT', { reason: 'case 4711' })
  expect([status, body]).toMatchObject([200, { tenant: { conditions: [{ type: 'LegalHold', message: 'case 4711' }] } }])
  const refused = await post('held', 'delete')
  expect(refused).toMatchObject({ status: 409, body: { code: 'legal_hold' } })
  expect(refused.body['detail']).toContain('case 4711')
  expect((await world.tenant('held')).state).toBe('active')
  // It keeps nobody from what ends nothing.
  await done('held', 'suspend')
  await done('held', 'resume')
  expect((await hold('held', 'DELETE', { reason: 'closed' })).status).toBe(200)
  expect(await hold('held', 'DELETE', {})).toMatchObject({ status: 404, body: { code: 'not_found' } })
  await done('held', 'delete')
})

it('a purge that is due waits for the hold, and comes after it', async () => {
  const tenant = await provisioned('waits', { policies: { retention: 'P1D' } })
  await done('waits', 'delete')
  await hold('waits', 'PUT', { reason: 'case 4712' })
  await sqlOf(world.deps.orm.pool)({
    text: `update operations set due_at = now() where tenant_id = $1 and kind = 'purge'`,
    values: [tenant.id],
  })
  const sweeps = async () => (await world.deps.metrics.sweepLastSuccess.get()).values[0]?.value ?? 0
  const before = await sweeps()
  await expect.poll(sweeps, { timeout: 20_000 }).toBeGreaterThan(before + 1)
  expect(await purgeOf(tenant)).toBe('scheduled')
  expect(await post('waits', 'purge', { confirm: 'waits' })).toMatchObject({
    status: 409,
    body: { code: 'legal_hold' },
  })
  await hold('waits', 'DELETE', {})
  await expect.poll(() => purgeOf(tenant), { timeout: 20_000 }).toBe('succeeded')
})

it('a hold that comes after a purge was accepted, and before it began, still counts', async () => {
  const tenant = await provisioned('just-in-time')
  await done('just-in-time', 'delete')
  const elsewhere = world.api({ starter: { ...world.starter, start: async () => {} } })
  const { body } = await world.request(
    'POST',
    '/v1/tenants/just-in-time/purge',
    { confirm: 'just-in-time' },
    {},
    elsewhere,
  )
  const { id } = body['operation'] as SeenOperation
  await hold('just-in-time', 'PUT', { reason: 'case 4713' })
  const stalled = await world.until(id, 'interrupted')
  expect(stalled.error).toMatchObject({ code: 'legal_hold' })
  expect(await world.tenant('just-in-time')).toMatchObject({ id: tenant.id, state: 'soft-deleted' })
  await hold('just-in-time', 'DELETE', {})
  await post('just-in-time', 'retry')
  await world.until(id, 'succeeded')
})

it('a hold that comes after a delete was accepted, and before it began, leaves the tenant as it is', async () => {
  await provisioned('not-yet')
  const elsewhere = world.api({ starter: { ...world.starter, start: async () => {} } })
  const { body } = await world.request('POST', '/v1/tenants/not-yet/delete', {}, {}, elsewhere)
  const { id } = body['operation'] as SeenOperation
  expect((await hold('not-yet', 'PUT', { reason: 'case 4714' })).status).toBe(200)
  const stalled = await world.until(id, 'interrupted', 'succeeded')
  expect(stalled).toMatchObject({ state: 'interrupted', error: { code: 'legal_hold' } })
  expect((await world.tenant('not-yet')).state).toBe('active')
  await hold('not-yet', 'DELETE', {})
  await post('not-yet', 'retry')
  await world.until(id, 'succeeded')
})

it('only the role platform-admin sets a hold, and a reason is needed', async () => {
  await provisioned('whose')
  const operator = await createApiKey(world.deps.orm.em.fork(), 'operator', 'platform-operator')
  const as = { authorization: `Bearer ${operator}` }
  expect(await hold('whose', 'PUT', { reason: 'mine' }, as)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  expect(await hold('whose', 'PUT', {})).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
  expect((await world.tenant('whose')).conditions).toEqual([])
})

it('a tenant that its manifest protects is not deleted', async () => {
  await provisioned('protected', { policies: { deleteProtection: true } })
  const refused = await post('protected', 'delete')
  expect(refused).toMatchObject({ status: 409, body: { code: 'delete_protected' } })
  expect((await world.tenant('protected')).state).toBe('active')
})

it('a purge without the slug, or with another, is refused and changes nothing', async () => {
  const tenant = await provisioned('named')
  await done('named', 'delete')
  for (const body of [{}, { confirm: 'nomad' }, { confirm: tenant.id }])
    expect(await post('named', 'purge', body)).toMatchObject({ status: 422, body: { code: 'confirmation_mismatch' } })
  expect(await post('named', 'suspend', { confirm: 'named' })).toMatchObject({ status: 400 })
  expect((await world.tenant('named')).state).toBe('soft-deleted')
  await done('named', 'purge', { confirm: 'named' })
})
