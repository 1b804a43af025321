import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { everyRow } from '../../support/every-row.ts'
import { createWorld, manifest, type SeenOperation, type World } from '../../support/world.ts'

/** What would be done, what is not as it should be, and the manifest in force, over HTTP. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

type Seen = { operation: string | null; changed: boolean; changes: { action: string; resource: string }[] }
const preview = (slug: string, spec: object = {}) => world.request('POST', '/v1/tenants:preview', manifest(slug, spec))
const changesIn = ({ body }: { body: object }) =>
  (body as Seen).changes.map(({ action, resource }) => `${action} ${resource}`)
const ledger = async (id: string) =>
  (
    await sqlOf(world.deps.orm.pool)<{ key: string }>({
      text: 'select key from resources where tenant_id = $1 order by key',
      values: [id],
    })
  ).map(({ key }) => key)
const diff = (slug: string) => world.request('GET', `/v1/tenants/${slug}/diff`)
const two = { environments: [{ name: 'prod' }, { name: 'staging' }] }
const contacts = [{ role: 'admin', email: 'admin@acme.example' }]

/** Rows of the registry, but for when a key was last used. */
const rows = async () => (await everyRow(world.adminUrl('registry'))).split('\n').length

it('tells of a new tenant what it then gets, and writes nothing', async () => {
  const before = await rows()
  const told = await preview('foreseen')
  expect([told.status, told.body]).toEqual([200, expect.objectContaining({ operation: 'provision', changed: true })])
  expect(await rows()).toBe(before)

  await world.worker()
  const { tenant, operation } = await world.apply('foreseen')
  await world.until(operation.id, 'succeeded')
  const created = changesIn(told).filter((change) => change.startsWith('create '))
  expect(created.map((change) => change.slice('create '.length)).toSorted()).toEqual(await ledger(tenant.id))
  expect((await preview('foreseen')).body).toMatchObject({ operation: null, changed: false, changes: [] })
  expect((await diff('foreseen')).body).toMatchObject({ generation: 1, drift: [] })
})

it('tells of an environment that comes and one that goes, as the update then does', async () => {
  const { tenant, operation } = await world.apply('growing', { ...two, contacts })
  await world.until(operation.id, 'succeeded')
  const before = await ledger(tenant.id)
  const told = await preview('growing', { contacts })
  const { body } = await world.request('PUT', '/v1/tenants/growing', manifest('growing', { contacts }))
  await world.until((body['operation'] as SeenOperation).id, 'succeeded')
  const after = await ledger(tenant.id)
  const gone = before.filter((key) => !after.includes(key))
  expect(gone).not.toEqual([])
  expect(changesIn(told).toSorted()).toEqual(gone.map((key) => `remove ${key}`))

  const exported = await world.request('GET', '/v1/tenants/growing/manifest')
  expect([exported.status, exported.body]).toMatchObject([200, { spec: { contacts } }])
  expect((await world.request('POST', '/v1/tenants:preview', exported.body)).body).toMatchObject({ changed: false })
  const events = (await world.request('GET', '/v1/tenants/growing/events?limit=200')).body['items'] as {
    type: string
  }[]
  expect(events.at(-1)).toMatchObject({ type: 'TENANCY_MANIFEST_EXPORTED', data: { generation: 2, contacts: 1 } })
  expect(JSON.stringify(events)).not.toContain('admin@acme.example')
})

it('names a schema that somebody dropped', async () => {
  const { tenant, operation } = await world.apply('drifting')
  await world.until(operation.id, 'succeeded')
  expect((await diff('drifting')).body).toMatchObject({ drift: [] })
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  await admin.query(`drop schema t_${tenant.code}_prod cascade`)
  await admin.end()
  const { drift } = (await diff('drifting')).body as { drift: { resource: string; kind: string }[] }
  expect(drift).toEqual([expect.objectContaining({ resource: 'prod/1/database', kind: 'missing' })])
})

it.each(['mt-standard', 'st-dedicated'])(
  'finds no drift in any state of a tenant of %s',
  { timeout: 180_000 },
  async (profile) => {
    const slug = `states-of-${profile}`
    const { operation } = await world.apply(slug, { profile })
    await world.until(operation.id, 'succeeded')
    const found: [string, unknown][] = []
    for (const command of ['suspend', 'resume', 'archive', 'delete', 'undelete', 'restore', 'delete']) {
      const { body } = await world.request('POST', `/v1/tenants/${slug}/${command}`, {})
      await world.until((body['operation'] as SeenOperation).id, 'succeeded')
      found.push([command, (await diff(slug)).body['drift']])
    }
    expect(found).toEqual(found.map(([command]) => [command, []]))
  },
)

it('names each thing that somebody changed behind its back', async () => {
  const { tenant, operation } = await world.apply('changed-by-hand')
  await world.until(operation.id, 'succeeded')
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  await admin.query(`alter role t_${tenant.code}_prod_1_app connection limit 3`)
  await world.bus.administration.deleteTopic(`tenant-${tenant.code}-prod`)
  const { drift } = (await diff('changed-by-hand')).body as { drift: { resource: string; kind: string }[] }
  expect(drift.map(({ resource, kind }) => [resource, kind])).toEqual([
    ['prod/1/database', 'property'],
    ['prod/topic', 'missing'],
  ])
  await admin.query(`comment on schema t_${tenant.code}_prod is 'of somebody else'`)
  expect((await diff('changed-by-hand')).body).toMatchObject({ drift: [{ kind: 'not-owned' }, { kind: 'missing' }] })
  await admin.end()
})

it('refuses as apply does what cannot be applied at all', async () => {
  const refused = async (asked: ReturnType<typeof preview>) => {
    const { status, body } = await asked
    return [status, body['code']]
  }
  const post = (text: string, headers = {}) => world.request('POST', '/v1/tenants:preview', text, headers)
  expect(await refused(preview('nobody', { plan: 'no-such-plan' }))).toEqual([422, 'plan_not_configured'])
  expect(await refused(preview('growing', { profile: 'st-dedicated' }))).toEqual([422, 'field_immutable'])
  expect(await refused(post('kind: ['))).toEqual([400, 'malformed_body'])
  expect(await refused(post('a', { 'content-type': 'text/html' }))).toEqual([415, 'unsupported_media_type'])
  expect(await refused(diff('nobody'))).toEqual([404, 'tenant_not_found'])
})
