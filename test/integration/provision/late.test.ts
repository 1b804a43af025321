import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { workflowId, type OperationInput, type StepAction } from '../../../domain/operation.ts'
import { claimStep } from '../../../operations/claim.ts'
import { finishStep } from '../../../operations/finish.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { activitiesOf } from '../../support/activity.ts'
import { eventCounts, nothing, remainsOf, whole } from '../../support/remains.ts'
import { testTiming } from '../../support/timing.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenTenant, type World } from '../../support/world.ts'

/** What comes late, gets lost or crosses something else on its way. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const sql = <T extends object>(text: string, values: unknown[] = []) =>
  world.deps.orm.em.fork().execute<T[]>(text, values)

type Begun = { input: OperationInput; tenant: SeenTenant }

/** A provision whose workflow is played by the test: nothing else takes it up. */
async function begun(slug: string): Promise<Begun> {
  const { operation, tenant } = await world.apply(slug)
  const input = { operationId: operation.id, tenantId: tenant.id, generation: 1, attempt: 1, timing: testTiming }
  await activities().begin(input)
  return { input, tenant }
}
const activities = () => activitiesOf(world.deps, 'provision')

/** Makes everything but the schema. */
async function make({ input }: Begun): Promise<void> {
  for (const key of ['secrets', '1/database', 'object-store', 'runtime', '1/network', 'topic'])
    await activities().ensure({ input, step: `prod/${key}` })
}

it('an abort that was accepted is not overtaken by success, however late it is told, and what was made is gone', async () => {
  const late = await begun('late-abort')
  const { input, tenant } = late
  const { settle, beginUndo, migrate, remove } = activities()
  await make(late)
  await migrate({ input, step: 'prod/1/database/schema' })
  expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  expect((await world.request('POST', '/v1/tenants/late-abort/abort')).status).toBe(202)
  expect(await settle({ input, outcome: 'succeeded' })).toBe('to-be-undone')
  expect(await world.tenant('late-abort')).toMatchObject({ state: 'provisioning' })
  for (const { key } of (await beginUndo(input)) ?? []) await remove({ input, step: key })
  expect(await settle({ input, outcome: 'aborted' })).toBe('settled')
  expect(await world.operation(input.operationId)).toMatchObject({ state: 'aborted' })
  expect(await remainsOf(world, tenant)).toEqual(nothing)
})

it('an operation that stalls tells it once, however often it is settled', async () => {
  const { input, tenant } = await begun('stalls')
  const error = { code: 'configuration_invalid' as const, message: 'it does not go on' }
  for (const turn of [1, 2]) {
    expect(await activities().settle({ input, outcome: 'stalled', error })).toBe('settled')
    expect((await eventCounts(world, tenant))['TENANCY_OPERATION_INTERRUPTED'], `${turn}`).toBe(1)
  }
})

it('a step that was done need not be on the disk when it can be done again, and must when nobody would', async () => {
  const { input } = await begun('durable')
  const workflow = workflowId({ kind: 'provision', id: input.operationId, attempt: 1 })
  /** What a commit of the end of this step would wait for. */
  async function waitsOf(action: StepAction): Promise<unknown> {
    const claim = await claimStep(sqlOf(world.deps.orm.pool), { input, action, step: 'prod/1/network', workflow })
    if (typeof claim === 'string') throw new Error(claim)
    const client = await world.deps.orm.pool.connect()
    try {
      await client.query(`begin; set local synchronous_commit = 'local'`)
      const one = { connect: async () => ({ query: client.query.bind(client), release() {} }) }
      await finishStep(one as unknown as pg.Pool, claim, {})
      const { rows } = await client.query('show synchronous_commit')
      await client.query('rollback')
      return rows[0].synchronous_commit
    } finally {
      client.release()
    }
  }
  expect(await waitsOf('ensure')).toBe('off')
  await activities().beginUndo(input)
  expect(await waitsOf('remove')).toBe('local')
})

it('a success that comes while the operation is being undone changes nothing', async () => {
  const { input } = await begun('late-success')
  const { settle, beginUndo } = activities()
  await beginUndo(input)
  expect(await settle({ input, outcome: 'succeeded' })).toBe('to-be-undone')
  expect(await world.operation(input.operationId)).toMatchObject({ state: 'running' })
})

it('a step forward that comes once the operation is being undone is refused as aborted', async () => {
  const { input, tenant } = await begun('late-step')
  const { ensure, beginUndo } = activities()
  await beginUndo(input)
  await expect(ensure({ input, step: 'prod/1/database' })).rejects.toMatchObject({ code: 'operation_aborted' })
  expect(await remainsOf(world, tenant)).toMatchObject({ schemas: [], roles: [], sides: [] })
})

it('a migration whose answer was lost is told by the try that finds it done, and by that one alone', async () => {
  const { input, tenant } = await begun('lost-commit')
  const { ensure, migrate } = activities()
  await ensure({ input, step: 'prod/1/database' })
  let isLost = true
  const mappers = aroundVerbs(world.deps.mappers, async (_, run) => {
    const result = await run()
    if (isLost) throw new FreeholdError('substrate_unavailable', 'the answer was lost')
    return result
  })
  const lossy = activitiesOf({ ...world.deps, mappers }, 'provision')
  const step = { input, step: 'prod/1/database/schema' }
  await expect(lossy.migrate(step)).rejects.toMatchObject({ type: 'substrate_unavailable' })
  const told = async () => (await eventCounts(world, tenant))['TENANCY_SCHEMA_MIGRATED']
  expect(await told()).toBeUndefined()
  isLost = false
  await lossy.migrate(step)
  await migrate(step)
  expect(await told()).toBe(1)
})

it('a tenant of many environments is undone without one removal waiting for another in a circle', async () => {
  const deadlocks = async () => {
    const [row] = await sql<{ count: number }>(
      'select deadlocks::int as count from pg_stat_database where datname = current_database()',
    )
    return row?.count
  }
  const before = await deadlocks()
  const failing = {
    ...world.deps.mappers.database,
    async migrate(): Promise<never> {
      throw new FreeholdError('migration_failed', 'nothing works here')
    },
  }
  const worker = await world.worker({ mappers: { ...world.deps.mappers, database: failing } })
  const environments = ['prod', 'staging', 'test', 'demo'].map((name) => ({ name }))
  const { operation } = await world.apply('wide', { environments })
  const ended = await world.until(operation.id, 'failed')
  expect(ended.error?.unresolved).toBeUndefined()
  await worker.stop()
  expect(await deadlocks()).toBe(before)
})

it('a bus whose credential cannot be read keeps nothing else from being removed', async () => {
  const resolveSecret = async (reference: string) => {
    if (reference.includes('SERVICE_BUS')) throw new FreeholdError('configuration_invalid', `${reference} is not set`)
    return world.deps.resolveSecret(reference)
  }
  const worker = await world.worker({ resolveSecret })
  const { operation, tenant } = await world.apply('no-bus')
  const ended = await world.until(operation.id, 'failed')
  expect(ended.error).toMatchObject({ code: 'configuration_invalid', step: 'prod/topic' })
  const left = await sql('select key from resources where tenant_id = ? order by key', [tenant.id])
  // Its secrets hold the key of the topic, so they wait for it.
  expect(left).toEqual([{ key: 'prod/secrets' }, { key: 'prod/topic' }])
  await worker.stop()
})

it('a step whose resource another attempt holds comes again, and works once the lease is over', async () => {
  const { input, tenant } = await begun('held')
  const { ensure } = activities()
  const step = { input, step: 'prod/1/database' }
  const hold = (until: string) =>
    sql(
      `update resources set claimed_by = ?, claimed_attempt = 7, claimed_until = now() + ?::interval
       where tenant_id = ? and key = 'prod/1/database'`,
      [input.operationId, until, tenant.id],
    )
  await hold('1 hour')
  await expect(ensure(step)).rejects.toMatchObject({ code: 'substrate_unavailable' })
  expect(await remainsOf(world, tenant)).toMatchObject({ schemas: [], roles: [] })
  await hold('-1 second')
  await ensure(step)
  expect(await remainsOf(world, tenant)).toMatchObject({ schemas: [`t_${tenant.code}_prod`] })
})

it('the times of a tenant’s events never go backwards', async () => {
  const worker = await world.worker()
  const { operation, tenant } = await world.apply('in-time')
  await world.until(operation.id, 'succeeded')
  await worker.stop()
  const backwards = await sql(
    `select seq from (select seq, time, lag(time) over (order by seq) as before from events where stream = ?) e where time < before`,
    [tenant.id],
  )
  expect(backwards).toEqual([])
})
