import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { query } from '../../support/query.ts'
import { createWorld, type SeenTenant, type World } from '../../support/world.ts'

/** A tenant with resources of its own, beside one that shares, on the real stack. */
describe('a dedicated tenant', () => {
  let world: World
  let cluster: pg.Client
  beforeAll(async () => {
    world = await createWorld()
    await world.worker()
    cluster = new pg.Client({ connectionString: world.adminUrl('warehouse') })
    await cluster.connect()
  })
  afterAll(async () => {
    await cluster.end()
    await world.close()
  })

  async function provision(slug: string, profile: string): Promise<SeenTenant> {
    const { operation, tenant } = await world.apply(slug, { profile })
    await world.until(operation.id, 'succeeded')
    return tenant
  }

  async function command(slug: string, name: string, body: object = {}): Promise<void> {
    const answer = await world.request('POST', `/v1/tenants/${slug}/${name}`, { reason: 'a test', ...body })
    expect(answer.status).toBe(202)
    await world.until((answer.body['operation'] as { id: string }).id, 'succeeded')
  }

  async function urlOf(slug: string): Promise<string> {
    const { body } = await world.request('POST', `/v1/tenants/${slug}/credentials`, {})
    return (body['database'] as { url: string }).url
  }

  const databasesOf = async ({ code }: SeenTenant) =>
    (
      await cluster.query<{ name: string }>('select datname as name from pg_database where datname like $1', [
        `%${code}%`,
      ])
    ).rows.map(({ name }) => name)
  const rolesOf = async ({ code }: SeenTenant) =>
    (
      await cluster.query<{ name: string }>('select rolname as name from pg_roles where rolname like $1', [`%${code}%`])
    ).rows.map(({ name }) => name)

  it('has a database, a container and a task queue of its own, and neither it nor another gets into the other’s', async () => {
    const own = await provision('own', 'st-dedicated')
    const other = await provision('other', 'st-dedicated')
    const shared = await provision('shared', 'mt-standard')
    const { body } = await world.request('GET', '/v1/tenants/own/context?environment=prod')
    expect(body).toMatchObject({
      profile: 'st-dedicated',
      state: 'active',
      topology: {
        database: { database: `warehouse_${own.code}_prod` },
        objectStore: { container: `data-${own.code}-prod` },
        runtime: { taskQueue: `work-${own.code}-prod` },
      },
    })
    const urls = { own: await urlOf('own'), other: await urlOf('other'), shared: await urlOf('shared') }
    await query(urls.own, `insert into customers (name, email) values ('mine', 'm@own.example')`)
    expect(await query(urls.own, `select name from customers where name = 'mine'`)).toEqual([{ name: 'mine' }])
    expect(await query(urls.own, 'select tenant, state from freehold.my_placement()')).toEqual([
      { tenant: own.id, state: 'active' },
    ])
    const moved = (url: string, database: string) => Object.assign(new URL(url), { pathname: `/${database}` }).href
    const databases = {
      own: `warehouse_${own.code}_prod`,
      other: `warehouse_${other.code}_prod`,
      shared: new URL(world.adminUrl('warehouse')).pathname.slice(1),
    }
    for (const from of ['own', 'other', 'shared'] as const)
      for (const to of (['own', 'other', 'shared'] as const).filter((name) => name !== from))
        await expect(query(moved(urls[from], databases[to]), 'select 1')).rejects.toMatchObject({ code: '42501' })
    expect(shared.code).not.toBe(own.code)
  })

  it('is closed and opened, deleted and purged, and nothing of it is left', async () => {
    const tenant = await provision('ending', 'st-dedicated')
    const url = await urlOf('ending')
    const session = new pg.Client({ connectionString: url })
    const ended = new Promise((resolve) => session.on('error', resolve))
    await session.connect()
    await command('ending', 'suspend')
    await ended
    await expect(query(url, 'select 1')).rejects.toMatchObject({ code: '28000' })
    await command('ending', 'resume')
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    await command('ending', 'delete')
    await expect(query(url, 'select 1')).rejects.toMatchObject({ code: '28000' })
    await command('ending', 'purge', { confirm: 'ending' })
    expect(await databasesOf(tenant)).toEqual([])
    expect(await rolesOf(tenant)).toEqual([])
    const { rows } = await cluster.query('select state from tenancy.placement where tenant = $1', [tenant.id])
    expect(rows).toEqual([{ state: 'retired' }])
  })
})
