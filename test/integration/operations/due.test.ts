import { afterAll, beforeAll, expect, it } from 'vitest'
import { acceptOperation, lockTenant } from '../../../operations/accept.ts'
import { acceptDue } from '../../../operations/due.ts'
import { sqlOf, transaction } from '../../../registry/pool.ts'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

/** An operation that is due later holds nothing until then, and is taken up by the sweep. */
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

const rotate = async (slug: string): Promise<string> => {
  const { body, status } = await world.request('POST', `/v1/tenants/${slug}/credentials`, { rotate: true })
  expect(status).toBe(202)
  return (body['operation'] as SeenOperation).id
}

/** A tenant with a rotation that is due at a time. */
async function scheduled(slug: string, dueAt: Date): Promise<{ id: string; tenant: string }> {
  const { operation, tenant } = await world.apply(slug)
  await world.until(operation.id, 'succeeded')
  const { id } = await transaction(world.deps.orm.pool, async (sql) =>
    acceptOperation(
      sql,
      await lockTenant(sql, slug),
      { kind: 'rotate-credentials', parameters: { environment: 'prod' }, dueAt },
      { actor: 'key:admin', correlationId: 'due' },
    ),
  )
  return { id, tenant: tenant.id }
}
const due = (id: string, when: string) =>
  sqlOf(world.deps.orm.pool)({
    text: 'update operations set due_at = now() + $2::interval where id = $1',
    values: [id, when],
  })
const inAnHour = () => new Date(Date.now() + 3_600_000)

it('holds nothing: another command is accepted and carried out meanwhile', async () => {
  const { id } = await scheduled('free', inAnHour())
  await world.until(await rotate('free'), 'succeeded')
  expect(await world.operation(id)).toMatchObject({ state: 'scheduled', steps: [] })
})

it('is taken up when it is due, once', async () => {
  const { id, tenant } = await scheduled('on-time', new Date(Date.now() + 1_000))
  expect(await world.operation(id)).toMatchObject({ state: 'scheduled' })
  expect(await world.until(id, 'succeeded')).toMatchObject({ attempt: 1 })
  const events = await sqlOf(world.deps.orm.pool)({
    text: `select type from events where operation_id = $1 and stream = $2 and type like '%OPERATION%' order by seq`,
    values: [id, tenant],
  })
  expect(events).toEqual(
    ['ACCEPTED', 'DUE', 'STARTED', 'SUCCEEDED'].map((what) => ({ type: `TENANCY_OPERATION_${what}` })),
  )
})

it('waits while the tenant is held, and comes after', async () => {
  const { id } = await scheduled('held', inAnHour())
  await sqlOf(world.deps.orm.pool)({
    text: `update operations set state = 'running' where tenant_id = (select id from tenants where slug = 'held') and kind = 'provision'`,
  })
  await due(id, '-1 second')
  const before = await sweeps()
  await expect.poll(sweeps, { timeout: 20_000 }).toBeGreaterThan(before + 1)
  expect(await world.operation(id)).toMatchObject({ state: 'scheduled' })
  await sqlOf(world.deps.orm.pool)({
    text: `update operations set state = 'succeeded' where tenant_id = (select id from tenants where slug = 'held') and kind = 'provision'`,
  })
  await world.until(id, 'succeeded')
})

it('does not wait behind others that are due and cannot be accepted', async () => {
  const held = await scheduled('due-held', inAnHour())
  const free = await scheduled('due-free', inAnHour())
  await sqlOf(world.deps.orm.pool)({
    text: `update operations set state = 'running' where tenant_id = $1 and kind = 'provision'`,
    values: [held.tenant],
  })
  // The sweep of the worker may be faster; it looks at twenty at a time.
  await due(held.id, '-2 seconds')
  await due(free.id, '-1 second')
  await acceptDue(world.deps.orm.pool, 1)
  expect((await world.operation(held.id)).state).toBe('scheduled')
  expect((await world.operation(free.id)).state).not.toBe('scheduled')
})

it('can be aborted before it is due, and is not taken up then', async () => {
  const { id, tenant } = await scheduled('aborted', inAnHour())
  expect((await world.request('POST', '/v1/tenants/aborted/abort', {})).status).toBe(202)
  await due(id, '-1 second')
  const before = await sweeps()
  await expect.poll(sweeps, { timeout: 20_000 }).toBeGreaterThan(before + 1)
  expect(await world.operation(id)).toMatchObject({ state: 'aborted', attempt: 1 })
  expect(await world.tenant('aborted')).toMatchObject({ id: tenant, state: 'active', conditions: [] })
})

/** When a sweep ended well, in seconds; a later one is a later number. */
async function sweeps(): Promise<number> {
  const { value = 0 } = (await world.deps.metrics.sweepLastSuccess.get()).values[0] ?? {}
  return value
}

it('waits while the policy denies it, says so once, and is judged when it is due', async () => {
  const { id, tenant } = await scheduled('denied', inAnHour())
  const rules = (minimumDays: number) => [
    { name: 'keep', kind: 'retention', minimumDays, applies: { commands: ['rotate-credentials'] } },
  ]
  const apply = async (minimumDays: number) => {
    const { body } = await world.request('PUT', '/v1/policies', { rules: rules(minimumDays) })
    return (body['policy'] as { version: number }).version
  }
  await apply(9_999)
  await due(id, '-1 second')
  await expect.poll(() => world.operation(id)).toMatchObject({ state: 'scheduled', error: { code: 'policy_denied' } })
  await acceptDue(world.deps.orm.pool)
  const told = await sqlOf(world.deps.orm.pool)({
    text: `select 1 from events where operation_id = $1 and stream = $2 and type = 'TENANCY_DENIED'`,
    values: [id, tenant],
  })
  expect(told).toHaveLength(1)
  const version = await apply(1)
  expect(await world.until(id, 'succeeded')).toMatchObject({ error: null, policyVersion: version })
})
