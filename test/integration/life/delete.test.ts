import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { closed, doors, open } from '../../support/doors.ts'
import { nothing, remainsOf } from '../../support/remains.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** Delete closes a tenant and lets it rest; undelete gives back the same one; its retention over, it is purged. */
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

async function provisioned(slug: string, spec: object = {}): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug, spec)
  await world.until(operation.id, 'succeeded')
  return tenant
}
async function command(slug: string, name: string): Promise<SeenOperation> {
  const { status, body } = await world.request('POST', `/v1/tenants/${slug}/${name}`, { reason: 'a test' })
  expect([status, body]).toEqual([202, expect.anything()])
  return world.until((body['operation'] as SeenOperation).id, 'succeeded')
}
type Operations = { items: (SeenOperation & { kind: string })[] }
const purgesOf = async (slug: string) => {
  const { body } = await world.request('GET', `/v1/operations?tenant=${slug}`)
  return (body as unknown as Operations).items.filter(({ kind }) => kind === 'purge')
}

it('gives back the same tenant with its data, as long as its retention lasts', async () => {
  const tenant = await provisioned('comes-back', { policies: { retention: 'P10D' } })
  const { body } = await world.request('POST', '/v1/tenants/comes-back/credentials', {})
  const { url } = (body as { database: { url: string } }).database
  const before = new pg.Client({ connectionString: url })
  await before.connect()
  await before.query(`insert into customers (name, email) values ('kept', 'kept@example.com')`)
  await before.end()

  await command('comes-back', 'delete')
  expect(await doors(world, tenant)).toEqual({ ...closed, tenant: 'soft-deleted' })
  const deleted = (await world.request('GET', '/v1/tenants/comes-back')).body as {
    purgeAfter: string
    allowed: string[]
  }
  const days = (new Date(deleted.purgeAfter).getTime() - Date.now()) / 86_400_000
  expect(days).toBeGreaterThan(9.9)
  expect(days).toBeLessThan(10.1)
  expect(deleted.allowed).toEqual(['undelete', 'purge'])
  expect(await purgesOf('comes-back')).toMatchObject([{ state: 'scheduled' }])

  await command('comes-back', 'undelete')
  expect(await doors(world, tenant)).toEqual(open)
  expect(await world.tenant('comes-back')).toMatchObject({ id: tenant.id, state: 'active', purgeAfter: null })
  expect(await purgesOf('comes-back')).toMatchObject([{ state: 'aborted' }])
  const after = new pg.Client({ connectionString: url })
  await after.connect()
  expect((await after.query(`select name from customers where name = 'kept'`)).rowCount).toBe(1)
  await after.end()
})

it('gives a suspended tenant back suspended, and one that failed as failed', async () => {
  const tenant = await provisioned('was-suspended')
  await command('was-suspended', 'suspend')
  await command('was-suspended', 'delete')
  await command('was-suspended', 'undelete')
  expect(await doors(world, tenant)).toEqual(closed)
  await command('was-suspended', 'resume')
  expect(await doors(world, tenant)).toEqual(open)

  await sqlOf(world.deps.orm.pool)({ text: `update tenants set state = 'failed' where id = $1`, values: [tenant.id] })
  await command('was-suspended', 'delete')
  await command('was-suspended', 'undelete')
  expect((await world.tenant('was-suspended')).state).toBe('failed')
})

it('is purged when its retention is over, and its slug is free again', async () => {
  const tenant = await provisioned('ends', { policies: { retention: 'P0D' } })
  await command('ends', 'delete')
  await expect
    .poll(async () => (await world.request('GET', `/v1/tenants/${tenant.id}`)).status, { timeout: 30_000 })
    .toBe(410)
  expect(await remainsOf(world, tenant)).toEqual(nothing)
  const again = await provisioned('ends')
  expect(again.id).not.toBe(tenant.id)
})

it('is not purged by a purge that was called off, though its time comes', async () => {
  const tenant = await provisioned('called-off')
  await command('called-off', 'delete')
  await command('called-off', 'undelete')
  await sqlOf(world.deps.orm.pool)({
    text: `update operations set due_at = now() where tenant_id = $1 and kind = 'purge'`,
    values: [tenant.id],
  })
  await command('called-off', 'suspend')
  expect(await purgesOf('called-off')).toMatchObject([{ state: 'aborted' }])
  expect(await doors(world, tenant)).toEqual(closed)
})
