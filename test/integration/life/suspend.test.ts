import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { closed, doors, open } from '../../support/doors.ts'
import { eventCounts, remainsOf, whole } from '../../support/remains.ts'
import { tries } from '../../support/timing.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

type Context = { state: string; epoch: number }

/** Suspend closes every door and is accepted whatever runs; resume is its exact inverse. */
let world: World
beforeAll(async () => {
  // Long tries, so that what ends one is the claim of another.
  world = await createWorld({ timing: { tryMs: tries(30_000) } })
})
afterAll(() => world.close())

async function provisioned(slug: string): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug)
  await world.until(operation.id, 'succeeded')
  return tenant
}
async function command(slug: string, name: string): Promise<SeenOperation> {
  const { status, body } = await world.request('POST', `/v1/tenants/${slug}/${name}`, { reason: 'a test' })
  expect([status, body]).toEqual([202, expect.anything()])
  return body['operation'] as SeenOperation
}
const context = async (slug: string) =>
  (await world.request('GET', `/v1/tenants/${slug}/context?environment=prod`)).body as unknown as Context
const credentials = async (slug: string) =>
  (await world.request('POST', `/v1/tenants/${slug}/credentials`, {})).body as { database: { url: string } }
const epochsOf = async (tenant: SeenTenant) => {
  const [row] = await sqlOf(world.deps.orm.pool)<{ epoch: number }>({
    text: 'select epoch::int as epoch from placements where tenant_id = $1',
    values: [tenant.id],
  })
  return row?.epoch
}

describe('with a worker that goes on', () => {
  let worker: Awaited<ReturnType<World['worker']>>
  beforeAll(async () => {
    worker = await world.worker()
  })
  afterAll(() => worker.stop())

  it('ends the session of who is in, lets nobody in, and resume gives everything back', async () => {
    const tenant = await provisioned('ends-sessions')
    const { database } = await credentials('ends-sessions')
    const inside = new pg.Client({ connectionString: database.url })
    await inside.connect()
    const ended = new Promise((resolve) => inside.on('error', resolve))
    expect(await doors(world, tenant)).toEqual(open)

    await world.until((await command('ends-sessions', 'suspend')).id, 'succeeded')
    await ended
    await expect(inside.query('select 1')).rejects.toThrow(/terminat|closed|not queryable/)
    const late = new pg.Client({ connectionString: database.url })
    await expect(late.connect()).rejects.toThrow(/not permitted to log in/)
    expect(await doors(world, tenant)).toEqual(closed)
    expect(await context('ends-sessions')).toMatchObject({ state: 'suspended', epoch: 2 })
    expect((await world.request('POST', '/v1/tenants/ends-sessions/credentials', {})).status).toBe(409)

    await world.until((await command('ends-sessions', 'resume')).id, 'succeeded')
    expect(await doors(world, tenant)).toEqual(open)
    expect(await context('ends-sessions')).toMatchObject({ state: 'active', epoch: 3 })
    const again = new pg.Client({ connectionString: database.url })
    await again.connect()
    await again.query('select * from customers')
    await again.end()
    expect(await eventCounts(world, tenant)).toMatchObject({
      TENANCY_RESOURCE_CLOSED: 6,
      TENANCY_RESOURCE_OPENED: 6,
      TENANCY_PLACEMENT_CHANGED: 4,
      TENANCY_STATE_CHANGED: 5,
    })
  })

  it('is refused from a wrong state, with what is possible, and changes nothing', async () => {
    await provisioned('wrong-state')
    const resume = await world.request('POST', '/v1/tenants/wrong-state/resume', {})
    expect(resume).toMatchObject({ status: 409, body: { code: 'transition_not_allowed' } })
    expect(resume.body).toMatchObject({
      facts: { state: 'active', allowed: expect.arrayContaining(['suspend', 'delete']) },
    })
    await world.until((await command('wrong-state', 'suspend')).id, 'succeeded')
    const twice = await world.request('POST', '/v1/tenants/wrong-state/suspend', {})
    expect(twice).toMatchObject({ status: 409, body: { code: 'transition_not_allowed' } })
    expect(await context('wrong-state')).toMatchObject({ state: 'suspended', epoch: 2 })
  })
})

/** Holds one verb of one resource until it is let go. */
function held(action: string, key: string) {
  const reached = Promise.withResolvers<undefined>()
  const goOn = Promise.withResolvers<undefined>()
  const mappers = aroundVerbs(world.deps.mappers, async (call, run) => {
    if (call.action === action && call.target.spec.key === key) {
      reached.resolve(undefined)
      await goOn.promise
    }
    return run()
  })
  return { mappers, reached: reached.promise, goOn: () => goOn.resolve(undefined) }
}

describe('while another operation runs', () => {
  it('is accepted during a provision: what was made is closed at once, what comes after is born closed', async () => {
    const migrating = held('migrate', 'prod/1/database')
    const worker = await world.worker({ mappers: migrating.mappers })
    const { tenant, operation } = await world.apply('while-provision')
    await migrating.reached
    const { id } = await command('while-provision', 'suspend')
    expect(await context('while-provision')).toMatchObject({ state: 'provisioning' })
    await world.until(id, 'succeeded')
    expect(await doors(world, tenant)).toEqual({ ...closed, tenant: 'provisioning', placements: ['standby'] })
    migrating.goOn()
    await world.until(operation.id, 'succeeded')
    expect(await doors(world, tenant)).toEqual(closed)
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant, 'prod', 'suspended'))
    await worker.stop()
  })

  it('wins against a resume that is under way: the doors that it opened are closed again', async () => {
    const opening = held('thaw', 'prod/topic')
    const worker = await world.worker({ mappers: opening.mappers })
    const tenant = await provisioned('while-resume')
    await world.until((await command('while-resume', 'suspend')).id, 'succeeded')
    const resume = await command('while-resume', 'resume')
    await opening.reached
    const second = await command('while-resume', 'suspend')
    opening.goOn()
    await world.until(resume.id, 'succeeded', 'failed')
    await world.until(second.id, 'succeeded')
    expect(await doors(world, tenant)).toEqual(closed)
    await worker.stop()
  })

  it('is refused beside itself and beside a delete, which closes as well', async () => {
    const tenant = await (async () => {
      const worker = await world.worker()
      const made = await provisioned('beside-itself')
      await worker.stop()
      return made
    })()
    const { id } = await command('beside-itself', 'suspend')
    expect(await context('beside-itself')).toMatchObject({ state: 'suspending' })
    const again = await world.request('POST', '/v1/tenants/beside-itself/suspend', {})
    expect(again).toMatchObject({ status: 409, body: { code: 'operation_in_progress', facts: { operationId: id } } })
    const other = await world.request('POST', '/v1/tenants/beside-itself/delete', {})
    expect(other).toMatchObject({ status: 409, body: { code: 'operation_in_progress', facts: { operationId: id } } })
    const worker = await world.worker()
    await world.until(id, 'succeeded')
    await worker.stop()
    expect(await epochsOf(tenant)).toBe(2)
  })
})

describe('with a part of the world down', () => {
  it('a bus that is down holds up its own door alone, and reopens none', async () => {
    let isDown = false
    const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
      if (isDown && target.spec.kind === 'topic')
        throw new FreeholdError('substrate_unavailable', `the bus is down (${action})`)
      return run()
    })
    const worker = await world.worker({ mappers })
    const tenant = await provisioned('bus-down')
    isDown = true
    const { id } = await command('bus-down', 'suspend')
    await expect
      .poll(async () => (await world.tenant('bus-down')).conditions, { timeout: 20_000 })
      .toMatchObject([{ type: 'NeedsAttention' }])
    const { rights: _, receiving: __, ...others } = closed
    expect(await doors(world, tenant)).toMatchObject({ ...others, tenant: 'suspending' })
    isDown = false
    await world.until(id, 'succeeded')
    expect(await doors(world, tenant)).toEqual(closed)
    expect((await world.tenant('bus-down')).conditions).toEqual([])
    await worker.stop()
  })

  it('a resume that cannot open a door closes them all again', async () => {
    let refuses = true
    const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
      if (refuses && action === 'thaw' && target.spec.kind === 'topic')
        throw new FreeholdError('configuration_invalid', 'the bus does not know us')
      return run()
    })
    const worker = await world.worker({ mappers })
    const tenant = await provisioned('not-opened')
    await world.until((await command('not-opened', 'suspend')).id, 'succeeded')
    const failed = await world.until((await command('not-opened', 'resume')).id, 'failed')
    expect(failed.error).toMatchObject({ code: 'configuration_invalid' })
    expect(failed.steps.map(({ state }) => state)).toEqual(failed.steps.map(() => 'undone'))
    expect(await doors(world, tenant)).toEqual(closed)
    const [latch] = await sqlOf(world.deps.orm.pool)({
      text: 'select suspended from tenants where id = $1',
      values: [tenant.id],
    })
    expect(latch).toEqual({ suspended: true })
    refuses = false
    await world.until((await command('not-opened', 'retry')).id, 'succeeded')
    expect(await doors(world, tenant)).toEqual(open)
    await worker.stop()
  })
})
