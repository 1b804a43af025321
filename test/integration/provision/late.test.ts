import { afterAll, beforeAll, expect, it } from 'vitest'
import { createActivities } from '../../../activities/index.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { OperationInput, PlanStep } from '../../../domain/operation.ts'
import { testTiming } from '../../support/timing.ts'
import { createWorld, type World } from '../../support/world.ts'

/** What comes late, gets lost or crosses something else on its way. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const sql = <T extends object>(text: string, values: unknown[] = []) =>
  world.deps.orm.em.fork().execute<T[]>(text, values)

async function begun(slug: string): Promise<{ input: OperationInput; steps: PlanStep[]; tenant: string }> {
  const { operation, tenant } = await world.apply(slug)
  const input = { operationId: operation.id, tenantId: tenant.id, generation: 1, attempt: 1, timing: testTiming }
  const { steps } = await createActivities(world.deps).begin(input)
  return { input, steps, tenant: tenant.id }
}

it('an abort that was accepted is not overtaken by success, however late it is told', async () => {
  const { input, tenant } = await begun('late-abort')
  const { settle, beginUndo } = createActivities(world.deps)
  expect((await world.request('POST', `/v1/tenants/late-abort/abort`)).status).toBe(202)
  expect(await settle({ input, outcome: 'succeeded' })).toBe('to-be-undone')
  expect(await world.tenant('late-abort')).toMatchObject({ id: tenant, state: 'provisioning' })
  await beginUndo(input)
  expect(await settle({ input, outcome: 'aborted' })).toBe('settled')
  expect(await world.operation(input.operationId)).toMatchObject({ state: 'aborted' })
})

it('a success that comes while the operation is being undone changes nothing', async () => {
  const { input } = await begun('late-success')
  const { settle, beginUndo } = createActivities(world.deps)
  await beginUndo(input)
  expect(await settle({ input, outcome: 'succeeded' })).toBe('to-be-undone')
  expect(await world.operation(input.operationId)).toMatchObject({ state: 'running' })
})

it('a migration whose commit in the registry was lost is told by the attempt that finds it done', async () => {
  const { input, steps, tenant } = await begun('lost-commit')
  const { ensure, migrate } = createActivities(world.deps)
  const step = (action: string, kind: string) => {
    const found = steps.find((one) => one.action === action && one.resource === `prod/${kind}`)
    if (found === undefined) throw new Error(`no step ${action} ${kind}`)
    return { input, step: found }
  }
  await ensure(step('ensure', 'secrets'))
  await ensure(step('ensure', 'database'))
  await migrate(step('migrate', 'database'))
  await sql(`update resources set facts = facts - 'schemaVersion' where tenant_id = ? and kind = 'database'`, [tenant])
  await migrate(step('migrate', 'database'))
  const told = () =>
    sql(`select from events where stream = ? and type = 'TENANCY_SCHEMA_MIGRATED'`, [tenant]).then(
      (rows) => rows.length,
    )
  expect(await told()).toBe(2)
  await migrate(step('migrate', 'database'))
  expect(await told()).toBe(2)
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
  const left = await sql('select key from resources where tenant_id = ?', [tenant.id])
  expect(left).toEqual([{ key: 'prod/topic' }])
  await worker.stop()
})

it('what holds a resource holds up no other: who waits for it comes again', async () => {
  const { input, steps, tenant } = await begun('held')
  const [step] = steps
  if (step === undefined) throw new Error('no step')
  await world.deps.orm.em.fork().transactional(async (em) => {
    await em.execute('select from resources where tenant_id = ? for update', [tenant])
    const waiting = createActivities(world.deps).ensure({ input, step })
    await expect(waiting).rejects.toMatchObject({ code: 'substrate_unavailable' })
  })
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
