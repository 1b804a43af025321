import { afterAll, beforeAll, expect, it } from 'vitest'
import { resumeOperation } from '../../../operations/interrupt.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

it('an operation that goes on takes nothing away of what tells of another that waits for somebody', async () => {
  const { pool } = world.deps.orm
  const { operation, tenant } = await world.apply('two')
  const { body } = await world.request('POST', '/v1/tenants/two/suspend', {})
  const suspend = body['operation'] as SeenOperation
  await sqlOf(pool)({
    text: `with interrupted as (update operations set state = 'interrupted' where tenant_id = $1)
      insert into conditions (tenant_id, type, reason, message) values ($1, 'NeedsAttention', 'resource_not_owned', 'look')`,
    values: [tenant.id],
  })
  const conditions = async () => (await world.tenant('two')).conditions.map(({ type }) => type)
  expect(await resumeOperation(pool, { id: operation.id, attempt: 1, state: 'interrupted' })).toBe(true)
  expect(await conditions()).toEqual(['NeedsAttention'])
  expect(await resumeOperation(pool, { id: suspend.id, attempt: 1, state: 'interrupted' })).toBe(true)
  expect(await conditions()).toEqual([])
})
