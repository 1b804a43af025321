import { randomUUID } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startProxy, type Proxy } from '../../support/proxy.ts'
import { remainsOf } from '../../support/remains.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** What somebody changed by hand is named, each by itself, and is no difference any more once it is put back. */
let world: World
let database: Proxy
let admin: pg.Client
beforeAll(async () => {
  world = await createWorld()
  const server = new URL(inject('postgresUrl'))
  database = await startProxy({ host: server.hostname, port: Number(server.port) })
  await world.worker({
    async resolveSecret(reference) {
      const secret = await world.deps.resolveSecret(reference)
      return reference === 'env:FREEHOLD_WAREHOUSE_URL' ? database.through(secret) : secret
    },
  })
  admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
  await world.close()
  await database.stop()
})

async function provisioned(slug: string, spec: object = {}): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug, spec)
  await world.until(operation.id, 'succeeded')
  return tenant
}
async function command(slug: string, name: string, more: object = {}): Promise<void> {
  const { status, body } = await world.request('POST', `/v1/tenants/${slug}/${name}`, { reason: 'a test', ...more })
  expect([status, body]).toEqual([202, expect.anything()])
  await world.until((body['operation'] as SeenOperation).id, 'succeeded')
}
type Drift = { resource: string; kind: string; message: string; expected?: unknown; observed?: unknown }
async function drift(slug: string): Promise<Drift[]> {
  const { status, body } = await world.request('GET', `/v1/tenants/${slug}/diff`)
  expect([status, body]).toEqual([200, expect.objectContaining({ drift: expect.any(Array) })])
  return body['drift'] as Drift[]
}
const named = async (slug: string) => (await drift(slug)).map(({ resource, kind }) => `${resource} ${kind}`)
const role = ({ code }: SeenTenant, part: 'app' | 'owner' = 'app') => `t_${code}_prod_1_${part}`

describe('that somebody made by hand is named', () => {
  let tenant: SeenTenant
  beforeAll(async () => {
    tenant = await provisioned('touched')
  })

  it('a connection limit', async () => {
    await admin.query(`alter role ${role(tenant)} connection limit 77`)
    expect(await drift('touched')).toEqual([
      expect.objectContaining({ resource: 'prod/1/database', kind: 'property', expected: 20, observed: 77 }),
    ])
    await admin.query(`alter role ${role(tenant)} connection limit 20`)
    expect(await drift('touched')).toEqual([])
  })

  it('a role whose comment says another owner', async () => {
    const { rows } = await admin.query<{ tag: string }>(
      `select shobj_description(oid, 'pg_authid') as tag from pg_roles where rolname = $1`,
      [role(tenant, 'owner')],
    )
    const tag = rows[0]?.tag ?? ''
    const other = tag.replace(tenant.id, randomUUID())
    expect(other).not.toBe(tag)
    const comment = (text: string) =>
      admin.query(`comment on role ${role(tenant, 'owner')} is ${pg.escapeLiteral(text)}`)
    await comment(other)
    expect(await named('touched')).toEqual(['prod/1/database not-owned'])
    await comment(tag)
    expect(await drift('touched')).toEqual([])
  })

  it('a role that may not log in, though the tenant is active', async () => {
    await admin.query(`alter role ${role(tenant)} nologin`)
    expect(await named('touched')).toEqual(['prod/1/database closed'])
    await admin.query(`alter role ${role(tenant)} login`)
    expect(await drift('touched')).toEqual([])
  })

  it('a policy file that was changed, and one that is gone', async () => {
    const { files } = await remainsOf(world, tenant)
    const path = join(world.environment.FREEHOLD_STATE_DIR, files.find((file) => file.endsWith('-1.json')) ?? '')
    const text = await readFile(path, 'utf8')
    const policy = JSON.parse(text) as object
    await writeFile(path, JSON.stringify({ ...policy, segment: '10.0.0.0/8' }))
    expect(await drift('touched')).toEqual([
      expect.objectContaining({ resource: 'prod/1/network', kind: 'property', observed: '10.0.0.0/8' }),
    ])
    await writeFile(path, JSON.stringify({ ...policy, frozen: true }))
    expect(await named('touched')).toEqual(['prod/1/network closed'])
    await rm(path)
    expect(await named('touched')).toEqual(['prod/1/network missing'])
    await writeFile(path, text)
    expect(await drift('touched')).toEqual([])
  })

  it('a role, or a side, that a superuser opened while the tenant is suspended', async () => {
    const shut = await provisioned('shut')
    await command('shut', 'suspend')
    await admin.query(`alter role ${role(shut)} login`)
    const open = (door: string) => [
      expect.objectContaining({ resource: 'prod/1/database', kind: 'open', message: expect.stringContaining(door) }),
    ]
    expect(await drift('shut')).toEqual(open('(login)'))
    await admin.query(`alter role ${role(shut)} nologin`)
    expect(await drift('shut')).toEqual([])
    const side = (state: string) =>
      admin.query('update tenancy.placement set state = $1 where tenant = $2', [state, shut.id])
    await side('active')
    expect(await drift('shut')).toEqual(open('(placement)'))
    await side('suspended')
    expect(await drift('shut')).toEqual([])
  })
})

it('says what could not be looked at, and tells of the rest', async () => {
  const { code } = await provisioned('unseen')
  await world.bus.administration.deleteTopic(`tenant-${code}-prod`)
  await database.cut()
  try {
    const found = await drift('unseen')
    expect(found.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual([
      'prod/1/database not-observed',
      'prod/topic missing',
    ])
    expect(found[0]?.message).toContain('substrate_unavailable')
  } finally {
    await database.resume()
  }
  expect(await named('unseen')).toEqual(['prod/topic missing'])
})

it('tells by its code what a look failed by, and does not blame the worker', async () => {
  const { id } = await provisioned('gone')
  await command('gone', 'delete')
  await command('gone', 'purge', { confirm: 'gone' })
  await expect(world.starter.observe(id)).rejects.toMatchObject({ code: 'tenant_gone' })
  expect(await world.request('GET', `/v1/tenants/${id}/diff`)).toMatchObject({
    status: 410,
    body: { code: 'tenant_gone' },
  })
})
