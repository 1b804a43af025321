import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { doors, open } from '../../support/doors.ts'
import { eventCounts, nothing, remainsOf, whole } from '../../support/remains.ts'
import { give, passages, standing } from '../../support/transitions.ts'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'
import { sweepOnce } from '../../../worker/sweep.ts'

/** Failures that other control planes had, where no test of a part shows that they cannot happen here. */
let world: World
let worker: Awaited<ReturnType<World['worker']>>
let registry: pg.Client
beforeAll(async () => {
  world = await createWorld()
  worker = await world.worker()
  registry = new pg.Client({ connectionString: world.adminUrl('registry') })
  await registry.connect()
})
afterAll(async () => {
  await registry.end()
  await world.close()
})

async function provisioned(slug: string): Promise<{ tenant: SeenTenant; operation: SeenOperation }> {
  const made = await world.apply(slug)
  await world.until(made.operation.id, 'succeeded')
  return made
}
const passageOf = (name: string) => passages.find((passage) => passage.name === name) as (typeof passages)[number]

it.each([
  ['is gone', 'delete from generations where tenant_id = $1 and number = 2'],
  ['cannot be read', `update generations set resolved = '{}' where tenant_id = $1 and number = 2`],
  [
    'is empty',
    `update generations set resolved = jsonb_set(resolved, '{spec,environments}', '[]') where tenant_id = $1 and number = 2`,
  ],
])('a wish that %s after it was accepted removes nothing, and is told', async (what, harm) => {
  const slug = `wish-${what.replaceAll(' ', '-')}`
  const { tenant } = await provisioned(slug)
  await worker.stop()
  const { body } = await world.request('PUT', `/v1/tenants/${slug}`, manifest(slug, { plan: 'free' }))
  const { id } = body['operation'] as SeenOperation
  await registry.query(harm, [tenant.id])
  worker = await world.worker()
  const ended = await world.until(id, 'failed', 'interrupted', 'succeeded')
  expect(ended).toMatchObject({ state: 'failed', error: { code: 'manifest_invalid' } })
  expect(await standing(world, tenant)).toEqual({ state: 'active', conditions: ['UpdateFailed'] })
  expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  expect(await doors(world, tenant)).toEqual(open)
})

it('what an operation did is known when its workflow is known to nobody any more', { timeout: 120_000 }, async () => {
  const { tenant, operation } = await provisioned('history-gone')
  const before = [await world.operation(operation.id), await eventCounts(world, tenant)]
  const { client } = world
  const handle = client.workflow.getHandle(operation.workflowId)
  await handle.result()
  const { runId } = await handle.describe()
  await client.workflowService.deleteWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId: operation.workflowId, runId },
  })
  await expect
    .poll(() => world.starter.standing({ id: operation.id, kind: 'provision', attempt: 1 }), {
      timeout: 90_000,
      interval: 500,
    })
    .toBe('missing')
  await sweepOnce(world.deps)
  expect([await world.operation(operation.id), await eventCounts(world, tenant)]).toEqual(before)
  expect(before[0]).toMatchObject({ state: 'succeeded', steps: Array(7).fill({ state: 'done' }) })
  expect(await standing(world, tenant)).toEqual({ state: 'active', conditions: [] })
})

it('who is purged is in no list and holds no place, and nobody looks at it again', async () => {
  const places = async () => {
    const { rows } = await registry.query(
      'select name, used from cells union all select name, used from buses order by 1',
    )
    return rows
  }
  const before = await places()
  const { tenant } = await provisioned('was-here')
  expect(await places()).not.toEqual(before)
  await world.until((await give(world, passageOf('delete'), 'was-here')).id, 'succeeded')
  await world.until((await give(world, passageOf('purge'), 'was-here')).id, 'succeeded')
  const { body } = await world.request('GET', '/v1/tenants')
  expect((body['items'] as SeenTenant[]).map(({ id }) => id)).not.toContain(tenant.id)
  expect(await places()).toEqual(before)
  expect(await remainsOf(world, tenant)).toEqual(nothing)
  // Its purge that was scheduled comes due, and is no more than called off.
  await registry.query(`update operations set due_at = now() where tenant_id = $1 and state = 'scheduled'`, [tenant.id])
  const states = async () => {
    const text = 'select kind, state from operations where tenant_id = $1 order by id'
    return (await registry.query<{ kind: string; state: string }>(text, [tenant.id])).rows
  }
  await expect.poll(states, { timeout: 20_000 }).toEqual([
    { kind: 'provision', state: 'succeeded' },
    { kind: 'delete', state: 'succeeded' },
    { kind: 'purge', state: 'aborted' },
    { kind: 'purge', state: 'succeeded' },
  ])
  expect(await standing(world, tenant)).toEqual({ state: 'purged', conditions: [] })
})
