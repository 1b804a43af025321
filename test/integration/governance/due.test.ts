import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { allow, openGovernance, type Governance } from '../../support/governance.ts'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

let world: World
let governance: Governance
beforeAll(async () => {
  governance = await openGovernance('timeoutMs: 500, retries: 1')
  await governance.up()
  world = await createWorld(governance.world)
  await world.worker()
})
afterAll(async () => {
  await world.close()
  await governance.down()
})

it('a purge that is due while the endpoint is down asks for somebody, because nobody waits for it', async () => {
  const { tenant, operation } = await world.apply('due')
  await world.until(operation.id, 'succeeded')
  const { body } = await world.request('POST', '/v1/tenants/due/delete', {})
  await world.until((body['operation'] as SeenOperation).id, 'succeeded')
  governance.behave('due', () => ({ status: 503 }))
  const [purge] = await sqlOf(world.deps.orm.pool)<{ id: string }>({
    text: `update operations set due_at = now() where tenant_id = $1 and kind = 'purge' returning id`,
    values: [tenant.id],
  })
  const id = purge?.id ?? ''
  expect(await world.until(id, 'failed')).toMatchObject({ error: { code: 'governance_unavailable' } })
  expect(await world.tenant('due')).toMatchObject({
    state: 'soft-deleted',
    conditions: [{ type: 'NeedsAttention', reason: 'governance_unavailable' }],
  })
  governance.behave('due', allow)
  expect((await world.request('POST', '/v1/tenants/due/retry', {})).status).toBe(202)
  await world.until(id, 'succeeded')
})
