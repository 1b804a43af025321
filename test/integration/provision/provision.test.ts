import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, manifest, type World } from '../../support/world.ts'

/** From manifest to active tenant on the real stack. */
describe('provision', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld()
    await world.worker()
  })
  afterAll(() => world.close())

  async function connect(slug: string): Promise<pg.Client> {
    const { body } = await world.request('POST', `/v1/tenants/${slug}/credentials`, {})
    const { url } = body['database'] as { url: string }
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    return client
  }

  it('makes a tenant that reads and writes its own tables and sees nothing of another', async () => {
    const first = await world.apply('alpha')
    const second = await world.apply('beta')
    await Promise.all([first, second].map(({ operation }) => world.until(operation.id, 'succeeded')))
    expect(await world.tenant('alpha')).toMatchObject({ state: 'active', observedGeneration: 1, conditions: [] })
    const alpha = await connect('alpha')
    const beta = await connect('beta')
    try {
      await alpha.query(`insert into customers (name, email) values ('only alpha', 'a@alpha.example')`)
      expect((await alpha.query(`select from customers where name = 'only alpha'`)).rowCount).toBe(1)
      expect((await beta.query(`select from customers where name = 'only alpha'`)).rowCount).toBe(0)
      const schema = `t_${first.tenant.code}_prod`
      await expect(beta.query(`select * from ${schema}.customers`)).rejects.toThrow(/permission denied/)
      const { rows } = await beta.query('select tenant from freehold.my_placement()')
      expect(rows).toEqual([{ tenant: second.tenant.id }])
    } finally {
      await alpha.end()
      await beta.end()
    }
  })

  it('makes one tenant of twenty parallel requests for one slug', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => world.request('POST', '/v1/tenants', manifest('gamma'))),
    )
    const accepted = answers.filter(({ status }) => status === 202)
    const refused = answers.filter(({ status, body }) => status === 409 && body['code'] === 'slug_taken')
    expect([accepted.length, refused.length]).toEqual([1, 19])
    await world.until(String((accepted[0]?.body['operation'] as { id: string } | undefined)?.id), 'succeeded')
  })

  it('rotates credentials: the old password no longer opens, the new one does', async () => {
    const { operation } = await world.apply('delta')
    await world.until(operation.id, 'succeeded')
    const before = (await world.request('POST', '/v1/tenants/delta/credentials', {})).body['database'] as {
      url: string
    }
    const rotation = await world.request('POST', '/v1/tenants/delta/credentials', { rotate: true })
    expect(rotation.status).toBe(202)
    await world.until((rotation.body['operation'] as { id: string }).id, 'succeeded')
    await expect(new pg.Client({ connectionString: before.url }).connect()).rejects.toThrow(
      /password authentication failed/,
    )
    const client = await connect('delta')
    await client.end()
  })
})
