import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, type SeenTenant, type World } from '../../support/world.ts'

let world: World
let admin: pg.Client
const roles: string[] = []
beforeAll(async () => {
  world = await createWorld()
  admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
})
afterAll(async () => {
  for (const role of roles) await admin.query(`drop role ${role}`)
  await admin.end()
  await world.close()
})

/** Something of the name that the tenant's own will have: `make` puts it there, `look` gives what must stay as it is. */
const foreign = [
  {
    what: 'schema',
    make: ({ code }: SeenTenant) =>
      admin.query(`create schema t_${code}_prod; create table t_${code}_prod.kept as select 'theirs' as text`),
    look: async ({ code }: SeenTenant) => (await admin.query(`select * from t_${code}_prod.kept`)).rows,
  },
  {
    what: 'role',
    make: async ({ code }: SeenTenant) => {
      roles.push(`t_${code}_prod_1_app`)
      await admin.query(`create role t_${code}_prod_1_app login connection limit 77`)
    },
    look: async ({ code }: SeenTenant) =>
      (
        await admin.query(
          `select rolcanlogin, rolconnlimit, shobj_description(oid, 'pg_authid') as tag from pg_roles where rolname = $1`,
          [`t_${code}_prod_1_app`],
        )
      ).rows,
  },
  {
    what: 'folder',
    make: async (tenant: SeenTenant) => {
      mkdirSync(folderOf(tenant), { recursive: true })
      writeFileSync(join(folderOf(tenant), 'kept.txt'), 'theirs')
    },
    look: async (tenant: SeenTenant) => [
      readFileSync(join(folderOf(tenant), 'kept.txt'), 'utf8'),
      ...readdirSync(folderOf(tenant)),
    ],
  },
]

function folderOf({ code }: SeenTenant): string {
  const [cell] = world.deps.platform.cells
  if (cell === undefined) throw new Error('no cell')
  return join(cell.objectStore.root, cell.objectStore.container, 'tenants', code, 'prod')
}

it('a schema, role or folder that is there and not ours is refused by name, never adopted, and outlives the tenant', async () => {
  // Its code is known once the tenant is accepted, and nothing is made before there is a worker.
  const accepted = await Promise.all(foreign.map(({ what }) => world.apply(`foreign-${what}`)))
  const cases = foreign.map((one, index) => ({ ...one, ...(accepted[index] as (typeof accepted)[number]) }))
  const look = () => Promise.all(cases.map(({ look: lookAt, tenant }) => lookAt(tenant)))
  for (const { make, tenant } of cases) await make(tenant)
  const before = await look()
  await world.worker()

  for (const { what, tenant, operation } of cases) {
    const { error } = await world.until(operation.id, 'failed')
    expect(error).toMatchObject({
      code: 'resource_not_owned',
      step: what === 'folder' ? 'prod/object-store' : 'prod/1/database',
    })
    expect(error?.message).toContain(tenant.code)
    expect(error?.unresolved).toBeUndefined()
    expect(await world.tenant(tenant.slug)).toMatchObject({ state: 'failed', conditions: [] })
    expect((await world.request('GET', `/v1/tenants/${tenant.slug}/resources`)).body['items']).toEqual([])
  }
  expect(await look()).toEqual(before)

  for (const { tenant } of cases) {
    const { body } = await world.request('POST', `/v1/tenants/${tenant.slug}/purge`, { confirm: tenant.slug })
    await world.until((body['operation'] as { id: string }).id, 'succeeded')
  }
  expect(await look()).toEqual(before)
})
