import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { workflowId } from '../../../domain/operation.ts'
import { claimStep } from '../../../operations/claim.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { startProxy } from '../../support/proxy.ts'
import { eventCounts, nothing, remainsOf, whole } from '../../support/remains.ts'
import { startService } from '../../support/service.ts'
import { testTiming } from '../../support/timing.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** What passes is waited for, however long it takes; what does not pass locks no tenant for ever. */
let world: World
beforeAll(async () => {
  world = await createWorld({ environment: { FREEHOLD_WORKER_CONCURRENCY: '4' } })
})
afterAll(() => world.close())

const command = async (slug: string, path: string, body: object = {}): Promise<SeenOperation> => {
  const answer = await world.request('POST', `/v1/tenants/${slug}/${path}`, body)
  expect(answer.status).toBe(202)
  return answer.body['operation'] as SeenOperation
}
const rotate = (slug: string) => command(slug, 'credentials', { rotate: true })
const sql = <T extends object>(text: string, values: unknown[] = []) => sqlOf(world.deps.orm.pool)<T>({ text, values })

async function made(slug: string): Promise<SeenTenant> {
  const { operation, tenant } = await world.apply(slug)
  await world.until(operation.id, 'succeeded')
  return tenant
}

/** How often what the operation does now was tried, by Temporal's word. */
async function tries({ workflowId }: SeenOperation): Promise<number> {
  const { pendingActivities } = (await world.client.workflow.getHandle(workflowId).describe()).raw
  return Math.max(0, ...(pendingActivities ?? []).map(({ attempt }) => attempt ?? 0))
}

it('a purge and a rotation wait for their bus longer than any number of tries, say so, and end well', async () => {
  const worker = await world.worker()
  const [rotated, purged] = await Promise.all([made('rotated'), made('purged')])
  await sql(`update tenants set state = 'soft-deleted' where id = $1`, [purged.id])
  await world.bus.stop()
  const operations = [await rotate('rotated'), await command('purged', 'purge', { confirm: 'purged' })]
  const attention = () =>
    sql<{ reason: string }>(`select reason from conditions where type = 'NeedsAttention' and tenant_id = any ($1)`, [
      [rotated.id, purged.id],
    ])
  await expect
    .poll(async () => Math.min(...(await Promise.all(operations.map(tries)))), { timeout: 50_000 })
    .toBeGreaterThan(testTiming.maximumAttempts + 1)
  expect(await attention()).toEqual([{ reason: 'substrate_unavailable' }, { reason: 'substrate_unavailable' }])
  for (const { id } of operations)
    expect(await world.operation(id)).toMatchObject({
      state: 'running',
      error: { code: 'substrate_unavailable', step: 'prod/topic' },
    })
  await world.bus.start()
  for (const { id } of operations) expect(await world.until(id, 'succeeded')).toMatchObject({ error: null })
  expect(await attention()).toEqual([])
  expect(await remainsOf(world, purged)).toEqual(nothing)
  expect(await remainsOf(world, rotated)).toEqual(whole(rotated))
  await worker.stop()
})

describe('a rotation that cannot finish', () => {
  /** A worker that rotates no topic while it is broken; the error is one that passes, or one that does not. */
  async function broken(slug: string, error: () => FreeholdError) {
    const state = { isBroken: true }
    const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
      if (state.isBroken && action === 'rotate' && target.spec.kind === 'topic') throw error()
      return run()
    })
    const worker = await world.worker({ mappers })
    await made(slug)
    return { state, worker, operation: await rotate(slug) }
  }
  const permanent = () => new FreeholdError('configuration_invalid', 'the bus is not what it was')
  const passing = () => new FreeholdError('substrate_unavailable', 'the bus is down')

  it('stalls with what is wrong, and a retry ends it', async () => {
    const { state, worker, operation } = await broken('stalled', permanent)
    expect((await world.until(operation.id, 'interrupted')).error).toMatchObject({ code: 'configuration_invalid' })
    expect(await world.tenant('stalled')).toMatchObject({ state: 'active', conditions: [{ type: 'NeedsAttention' }] })
    state.isBroken = false
    await command('stalled', 'retry')
    expect(await world.until(operation.id, 'succeeded')).toMatchObject({ attempt: 2 })
    expect(await world.tenant('stalled')).toMatchObject({ state: 'active', conditions: [] })
    await worker.stop()
  })

  it.each([
    { what: 'stalled', error: permanent, state: 'interrupted' },
    { what: 'waiting', error: passing, state: 'running' },
  ] as const)('can be given up while it is $what: the tenant is free again, and the next one works', async (one) => {
    const slug = `given-up-${one.what}`
    const { state, worker, operation } = await broken(slug, one.error)
    const attention = async () => (await world.tenant(slug)).conditions.map(({ type }) => type)
    await expect.poll(attention, { timeout: 20_000 }).toEqual(['NeedsAttention'])
    expect(await world.operation(operation.id)).toMatchObject({ state: one.state })
    await command(slug, 'abort')
    expect((await world.until(operation.id, 'aborted')).error).toMatchObject({ code: 'operation_aborted' })
    // Nobody knows what a try did before it failed.
    expect((await world.operation(operation.id)).error).toMatchObject({ unresolved: ['prod/topic'] })
    expect(await world.tenant(slug)).toMatchObject({ state: 'active', conditions: [{ type: 'NeedsAttention' }] })
    state.isBroken = false
    await world.until((await rotate(slug)).id, 'succeeded')
    expect(await world.tenant(slug)).toMatchObject({ state: 'active', conditions: [] })
    await worker.stop()
  })
})

it('a purge is not given up: nothing is left half-way', async () => {
  const mappers = aroundVerbs(world.deps.mappers, async ({ action }, run) => {
    if (action === 'remove') throw new FreeholdError('configuration_invalid', 'nothing goes')
    return run()
  })
  const worker = await world.worker({ mappers })
  const { id } = await made('half-way')
  await sql(`update tenants set state = 'soft-deleted' where id = $1`, [id])
  const operation = await command('half-way', 'purge', { confirm: 'half-way' })
  await world.until(operation.id, 'interrupted')
  const refused = await world.request('POST', '/v1/tenants/half-way/abort', {})
  expect(refused).toMatchObject({ status: 409, body: { code: 'transition_not_allowed' } })
  await worker.stop()
})

it('a provision that the world refuses gives up after its number of tries, and is undone', async () => {
  let refusals = 0
  const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
    if (action !== 'ensure' || target.spec.kind !== 'network') return run()
    refusals += 1
    throw new FreeholdError('substrate_unavailable', 'no network today')
  })
  const worker = await world.worker({ mappers })
  const { operation, tenant } = await world.apply('refused')
  expect((await world.until(operation.id, 'failed')).error).toMatchObject({
    code: 'substrate_unavailable',
    step: 'prod/1/network',
  })
  expect(refusals).toBe(testTiming.maximumAttempts)
  expect(await remainsOf(world, tenant)).toEqual(nothing)
  await worker.stop()
})

it('a provision whose registry is cut for longer than its number of tries does not roll back', async () => {
  const url = new URL(world.environment.DATABASE_URL)
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port) })
  const taskQueue = `${world.name}-cut`
  const worker = await startService('worker', {
    ...world.environment,
    DATABASE_URL: proxy.through(url.href),
    FREEHOLD_TASK_QUEUE: taskQueue,
  })
  try {
    const operation = await world.applyOn(taskQueue, 'cut')
    await world.until(operation.id, 'running')
    await proxy.cut()
    await expect.poll(() => tries(operation), { timeout: 50_000 }).toBeGreaterThan(testTiming.maximumAttempts + 1)
    await proxy.resume()
    expect(await world.until(operation.id, 'succeeded')).toMatchObject({ attempt: 1 })
    const tenant = await world.tenant('cut')
    expect((await eventCounts(world, tenant))['TENANCY_RESOURCE_REMOVED']).toBeUndefined()
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  } finally {
    await proxy.stop()
    await worker.stop()
  }
})

it('a provision whose registry is read-only for a while, as after a failover, does not roll back', async () => {
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const mappers = aroundVerbs(world.deps.mappers, async ({ step }, run) => {
    if (step !== 'prod/object-store') return run()
    reached.resolve()
    await gate.promise
    return run()
  })
  const worker = await world.worker({ mappers })
  const admin = new pg.Client(world.adminUrl('registry'))
  await admin.connect()
  const demote = async (on: 'on' | 'off') => {
    await admin.query(`set default_transaction_read_only = off`)
    await admin.query(`alter database ${admin.database} set default_transaction_read_only = ${on}`)
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    )
  }
  try {
    const { operation } = await world.apply('read-only')
    await reached.promise
    await demote('on')
    gate.resolve()
    await expect.poll(() => tries(operation), { timeout: 50_000 }).toBeGreaterThan(testTiming.maximumAttempts + 1)
    await demote('off')
    expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded', attempt: 1 })
  } finally {
    await demote('off')
    await admin.end()
    await worker.stop()
  }
})

it('a try that Temporal gave up long ago and claims a step late does not end the operation', async () => {
  let isFirst = true
  const mappers = aroundVerbs(world.deps.mappers, async ({ action, step, target }, run) => {
    if (isFirst && step === 'prod/1/database') {
      isFirst = false
      const [operation] = await sql<{ id: string }>('select id from operations where tenant_id = $1', [target.tenantId])
      const id = operation?.id ?? ''
      const input = { operationId: id, tenantId: target.tenantId, generation: 1, attempt: 1, timing: testTiming }
      const workflow = workflowId({ kind: 'provision', id, attempt: 1 })
      await claimStep(sqlOf(world.deps.orm.pool), { input, action, step, workflow })
    }
    return run()
  })
  const worker = await world.worker({ mappers })
  const { operation, tenant } = await world.apply('late-claim')
  expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded', attempt: 1 })
  expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  await worker.stop()
})

it('a mapper that hangs in spite of its signal frees its slot, and its step is tried again', async () => {
  const hanging = new Set<string>()
  const mappers = aroundVerbs(world.deps.mappers, async ({ step }, run) => {
    if (hanging.has(step)) return run()
    hanging.add(step)
    return new Promise<never>(() => {})
  })
  const worker = await world.worker({ mappers })
  // More steps hang than there are slots.
  const { operation, tenant } = await world.apply('hanging')
  await world.until(operation.id, 'succeeded')
  expect(hanging.size).toBeGreaterThan(world.deps.config.FREEHOLD_WORKER_CONCURRENCY)
  expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  await worker.stop()
})
