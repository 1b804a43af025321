import { afterAll, beforeAll, expect, it } from 'vitest'
import { publishCut } from '../../../operations/publish-cut.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

it('a cut that was undone before the registry had heard of it is told by the epoch of its undo, and never after it', async () => {
  const { operation, tenant } = await world.apply('acme')
  await world.until(operation.id, 'succeeded')
  const { pool } = world.deps.orm
  const sql = sqlOf(pool)
  await sql({
    text: `insert into placements (tenant_id, environment, number, profile, cell, bus, segment, epoch)
      select tenant_id, environment, 2, profile, cell, bus, '10.79.0.0/26', epoch from placements where tenant_id = $1`,
    values: [tenant.id],
  })
  const publish = (number: number, epoch: number) =>
    publishCut(
      pool,
      { id: operation.id, correlationId: operation.id },
      { tenant: tenant.id, environment: 'prod', source: 1, target: 2 },
      { number, state: 'active', epoch },
    )
  const told = async () => {
    const { epoch, state } = (await world.request('GET', '/v1/tenants/acme/context')).body
    const placements = await sql<{ text: string }>({
      text: `select number || ' ' || state || ' ' || epoch as text from placements where tenant_id = $1 order by number`,
      values: [tenant.id],
    })
    return { epoch, state, placements: placements.map(({ text }) => text) }
  }
  // There at epoch 2, and back at epoch 3.
  await publish(1, 3)
  const back = { epoch: 3, state: 'active', placements: ['1 active 3', '2 moved 3'] }
  expect(await told()).toEqual(back)
  await publish(2, 2)
  await publish(1, 3)
  expect(await told()).toEqual(back)
})
