import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFileSystemStore } from '../../../isolation/mappers/object-store/file-system.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { closed, doors, open } from '../../support/doors.ts'
import { query } from '../../support/query.ts'
import { eventCounts, nothing, remainsOf } from '../../support/remains.ts'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'
import { testCell, type TestCell } from '../isolation/support.ts'

/** Archive moves a tenant to cold storage, whole; restore brings it back, the same, here or in another cell. */
let world: World
let second: TestCell
beforeAll(async () => {
  second = await testCell()
  const cell = `  - name: eu-north-2
    region: eu-north
    profiles: [mt-standard, st-dedicated]
    capacity: 1
    state: draining
    database:
      credential: env:SECOND_CELL_URL
    objectStore:
      root: objects-2
      container: data-shared

`
  world = await createWorld({
    environment: { SECOND_CELL_URL: second.cell.provisionerUrl },
    platform: (yaml) => yaml.replace('\n# Namespaces of the bus', `\n${cell}# Namespaces of the bus`),
  })
  await world.worker()
})
afterAll(async () => {
  await world.close()
  await second.drop()
})

async function provisioned(slug: string, spec: object = {}): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug, spec)
  await world.until(operation.id, 'succeeded')
  return tenant
}
async function command(slug: string, name: string, body: object = {}): Promise<SeenOperation> {
  const { status, body: answer } = await world.request('POST', `/v1/tenants/${slug}/${name}`, {
    reason: 'a test',
    ...body,
  })
  expect([status, answer]).toEqual([202, expect.anything()])
  return world.until((answer['operation'] as SeenOperation).id, 'succeeded', 'failed', 'aborted', 'interrupted')
}
type Credentials = { database: { url: string }; objectStore: object; bus: { connectionString: string } }
const credentials = async (slug: string) =>
  (await world.request('POST', `/v1/tenants/${slug}/credentials`, {})).body as unknown as Credentials
const ask = async (slug: string, sql: string) => query((await credentials(slug)).database.url, sql)
/** The objects of a tenant, as the control plane sees them. */
function objectsOf({ code }: SeenTenant) {
  const store = createFileSystemStore(join(world.environment.FREEHOLD_STATE_DIR, 'objects'))
  const area = { container: 'data-shared', prefix: `tenants/${code}/prod/` }
  return {
    read: async (key: string) => text(await store.read(area, key)),
    async write(key: string, body: string) {
      const { owner = '', epoch, fence } = (await store.describeArea(area)) ?? { epoch: 0, fence: 0 }
      const claim = { owner, placement: 0, epoch, fence }
      await store.write(
        area,
        claim,
        key,
        (async function* () {
          yield Buffer.from(body)
        })(),
      )
    },
  }
}
const reportsOf = async (id: string) =>
  (await world.request('GET', `/v1/tenants/${id}/reports`)).body as unknown as {
    items: { kind: string; document: string }[]
  }
const used = async () =>
  sqlOf(world.deps.orm.pool)<{ name: string; used: number }>({ text: 'select name, used::int from cells order by 1' })

describe('archive and restore', () => {
  it('move a tenant out and bring the same one back', async () => {
    const tenant = await provisioned('round-trip')
    await ask('round-trip', `insert into customers (name, email) values ('kept', 'kept@example.com')`)
    const before = await ask('round-trip', 'select * from customers order by id')
    await objectsOf(tenant).write('invoices/1.txt', 'paid')
    const bus = (await credentials('round-trip')).bus.connectionString
    const room = await used()

    const archived = await command('round-trip', 'archive')
    expect(archived).toMatchObject({ state: 'succeeded', error: null })
    expect(await world.tenant('round-trip')).toMatchObject({ state: 'archived' })
    const { files, ledger, ...others } = await remainsOf(world, tenant)
    expect({ ...others, files: files.filter((path) => !path.startsWith('archives')), ledger }).toEqual({
      ...nothing,
      ledger: ['prod/1/archive present'],
    })
    expect(files.some((path) => path.endsWith('/manifest'))).toBe(true)
    expect(await used()).toEqual(
      room.map((cell) => ({ ...cell, used: cell.used - (cell.name === 'eu-north-1' ? 1 : 0) })),
    )
    expect((await world.request('GET', '/v1/tenants/round-trip/context')).status).toBe(404)
    expect((await world.request('POST', '/v1/tenants/round-trip/credentials', {})).status).toBe(409)

    const restored = await command('round-trip', 'restore')
    expect(restored).toMatchObject({ state: 'succeeded', error: null })
    expect(await ask('round-trip', 'select * from customers order by id')).toEqual(before)
    expect((await credentials('round-trip')).bus.connectionString).toBe(bus)
    const { authorizationRules = [] } = await world.bus.administration.getTopic(`tenant-${tenant.code}-prod`)
    expect(
      authorizationRules.map((rule) => bus.includes(String((rule as { primaryKey?: string }).primaryKey))),
    ).toEqual([true])
    expect(await objectsOf(tenant).read('invoices/1.txt')).toBe('paid')
    expect(await used()).toEqual(room)
    expect((await world.request('GET', '/v1/tenants/round-trip/context?environment=prod')).body).toMatchObject({
      state: 'active',
      epoch: 3,
    })
    expect((await remainsOf(world, tenant)).ledger).toEqual([
      'prod/1/archive present',
      'prod/2/database present',
      'prod/2/network present',
      'prod/object-store present',
      'prod/runtime present',
      'prod/secrets present',
      'prod/topic present',
    ])
    // The archive is in no manifest, and a changed one leaves it.
    const changed = manifest('round-trip', { plan: 'free' })
    const update = await world.request('PUT', '/v1/tenants/round-trip', changed)
    await world.until((update.body['operation'] as SeenOperation).id, 'succeeded')
    expect((await remainsOf(world, tenant)).ledger).toContain('prod/1/archive present')
    const moves = await sqlOf(world.deps.orm.pool)<{ placements: object[] }>({
      text: `select body::jsonb #> '{data,placements}' as placements from events
        where stream = $1 and type = 'TENANCY_PLACEMENT_CHANGED' order by seq`,
      values: [tenant.id],
    })
    expect(moves.flatMap(({ placements }) => placements)).toContainEqual({
      environment: 'prod',
      number: 2,
      state: 'standby',
      epoch: 3,
      before: { state: 'standby', epoch: 1 },
    })
    const { items } = await reportsOf(tenant.id)
    expect(items.map(({ kind }) => kind)).toEqual(['archive', 'restore'])
    const [first, last] = items.map(({ document }) => JSON.parse(document) as { archives: object[] })
    expect(last?.archives).toEqual(first?.archives)
    expect(first?.archives).toMatchObject([
      {
        environment: 'prod',
        contents: [
          {
            kind: 'database',
            tables: expect.arrayContaining([
              { name: 'customers', rows: 3, sha256: expect.any(String) as string },
            ]) as unknown,
          },
          { kind: 'object-store', objects: 1, bytes: 4 },
          { kind: 'secrets' },
        ],
      },
    ])
    expect(await eventCounts(world, tenant)).toMatchObject({
      TENANCY_RESOURCE_EXPORTED: 3,
      TENANCY_ARCHIVE_VERIFIED: 1,
      TENANCY_RESOURCE_IMPORTED: 3,
      TENANCY_RESOURCE_COMPARED: 3,
      TENANCY_REPORT_ISSUED: 2,
    })
  })

  it('can be done again, and the earlier archive goes', async () => {
    const tenant = await provisioned('twice')
    await command('twice', 'archive')
    await command('twice', 'restore')
    await ask('twice', `insert into customers (name, email) values ('second', 'second@example.com')`)
    expect(await command('twice', 'archive')).toMatchObject({ state: 'succeeded' })
    expect((await remainsOf(world, tenant)).ledger).toEqual(['prod/2/archive present'])
    const { files } = await remainsOf(world, tenant)
    expect(files.filter((path) => path.includes('/prod/1/'))).toEqual([])
    expect(await command('twice', 'restore')).toMatchObject({ state: 'succeeded' })
    expect(await ask('twice', `select name from customers where name = 'second'`)).toHaveLength(1)
  })

  it('keep what was suspended suspended', async () => {
    await provisioned('suspended')
    await command('suspended', 'suspend')
    await command('suspended', 'archive')
    expect(await world.tenant('suspended')).toMatchObject({ state: 'archived' })
    expect(await command('suspended', 'restore')).toMatchObject({ state: 'succeeded' })
    const tenant = await world.tenant('suspended')
    expect(await doors(world, tenant)).toMatchObject({
      tenant: 'suspended',
      receiving: closed.receiving,
      sides: ['prod/2 suspended'],
    })
    expect(await command('suspended', 'resume')).toMatchObject({ state: 'succeeded' })
    expect(await doors(world, tenant)).toMatchObject({
      tenant: 'active',
      receiving: open.receiving,
      sides: ['prod/2 active'],
    })
    expect(await ask('suspended', 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('bring a tenant into another cell, when that is said', async () => {
    const tenant = await provisioned('moves')
    await ask('moves', `insert into customers (name, email) values ('moved', 'moved@example.com')`)
    const before = await ask('moves', 'select * from customers order by id')
    await command('moves', 'archive')
    const nowhere = await world.request('POST', '/v1/tenants/moves/restore', { cell: 'nowhere' })
    expect(nowhere).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
    const full = await world.request('POST', '/v1/tenants/moves/restore', { cell: 'eu-north-2' })
    expect(full).toMatchObject({ status: 409, body: { code: 'cell_exhausted' } })
    expect(await world.tenant('moves')).toMatchObject({ state: 'archived' })
    await sqlOf(world.deps.orm.pool)({ text: `update cells set state = 'open' where name = 'eu-north-2'` })
    expect(await command('moves', 'restore', { cell: 'eu-north-2' })).toMatchObject({ state: 'succeeded', error: null })
    expect((await world.request('GET', '/v1/tenants/moves/context?environment=prod')).body).toMatchObject({
      topology: { database: { cell: 'eu-north-2', database: second.cell.database.name } },
    })
    expect(await ask('moves', 'select * from customers order by id')).toEqual(before)
    expect(await used()).toMatchObject([{}, { name: 'eu-north-2', used: 1 }])
    expect(await command('moves', 'delete')).toMatchObject({ state: 'succeeded' })
    expect(await command('moves', 'purge', { confirm: 'moves' })).toMatchObject({ state: 'succeeded' })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    await sqlOf(world.deps.orm.pool)({ text: `update cells set state = 'draining' where name = 'eu-north-2'` })
  })

  it('do so for a dedicated tenant, and for several environments', async () => {
    await provisioned('dedicated', { profile: 'st-dedicated', environments: [{ name: 'prod' }, { name: 'test' }] })
    await ask('dedicated', `insert into customers (name, email) values ('own', 'own@example.com')`)
    expect(await command('dedicated', 'archive')).toMatchObject({ state: 'succeeded', error: null })
    expect(await command('dedicated', 'restore')).toMatchObject({ state: 'succeeded', error: null })
    expect(await ask('dedicated', `select name from customers where name = 'own'`)).toHaveLength(1)
  })

  it('an archived tenant can be deleted, given back as archived, and purged: its archive is gone', async () => {
    const tenant = await provisioned('ends')
    await command('ends', 'archive')
    await command('ends', 'delete')
    expect(await command('ends', 'undelete')).toMatchObject({ state: 'succeeded' })
    expect(await world.tenant('ends')).toMatchObject({ state: 'archived' })
    await command('ends', 'delete')
    expect(await command('ends', 'purge', { confirm: 'ends' })).toMatchObject({ state: 'succeeded' })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
  })
})
