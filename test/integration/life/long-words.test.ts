import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

/** What a database says of itself may be of any length; what is told of it is not. */
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

it('an archive that is refused for something without end is refused in a few words', async () => {
  const { tenant, operation } = await world.apply('wordy')
  await world.until(operation.id, 'succeeded')
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  const { rows } = await admin.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname like $1`,
    [`t_${tenant.code}%`],
  )
  await admin.query(`create table ${rows[0]?.name}.by_hand (note text default '${'x'.repeat(5_000_000)}')`)
  await admin.end()
  const { body } = await world.request('POST', '/v1/tenants/wordy/archive', {})
  const ended = await world.until((body['operation'] as SeenOperation).id, 'failed', 'interrupted')
  expect(ended).toMatchObject({ state: 'failed', error: { code: 'archive_unsupported' } })
  expect(JSON.stringify(ended).length).toBeLessThan(20_000)
})
