import { afterAll, beforeAll, expect, test } from 'vitest'
import { receiveAll, sequences, upTo } from '../../support/relay.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

test('the story of a tenant that was provisioned is at its own topic and at the governance topic, as at the API', async () => {
  const worker = await world.worker()
  const { tenant, operation } = await world.apply('storied')
  await world.until(operation.id, 'succeeded')
  for (;;) {
    const [row] = await world.deps.orm.em
      .fork()
      .execute('select count(*)::int as waiting from deliveries where stream = ? and head > cursor', [tenant.id])
    if (row?.waiting === 0) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await worker.stop()
  const { body } = await world.request('GET', `/v1/tenants/${tenant.id}/events?limit=200`)
  const told = body['items'] as { id: string; type: string; hash: string; data: object }[]
  expect(told.length).toBeGreaterThan(10)
  const { connectionString } = world.bus.namespace
  const own = await receiveAll(connectionString, `tenant-${tenant.code}-prod`)
  const governed = (await receiveAll(connectionString, 'governance')).filter(
    ({ body: event }) => event.tenantid === tenant.id,
  )
  for (const received of [own, governed]) {
    expect(sequences(received)).toEqual({ [tenant.id]: upTo(told.length) })
    expect(received.map(({ body: { id, type, hash, data } }) => ({ id, type, hash, data }))).toEqual(
      told.map(({ id, type, hash, data }) => ({ id, type, hash, data })),
    )
  }
})
