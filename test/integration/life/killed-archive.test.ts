import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { boundaries } from '../../support/boundaries.ts'
import { killWorkerAndGoOn, type Doomed } from '../../support/killed-worker.ts'
import { doors, open } from '../../support/doors.ts'
import { eventCounts, nothing, remainsOf, whole } from '../../support/remains.ts'
import { tries } from '../../support/timing.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** A worker killed by SIGKILL at every boundary of an archive and a restore: nothing is lost, doubled or left. */
let world: World
beforeAll(async () => {
  world = await createWorld({ timing: { tryMs: tries(30_000), maximumAttempts: 20 } })
})
afterAll(() => world.close())

/** As many tenants as there are boundaries. */
async function made(slug: string, count: number): Promise<SeenTenant[]> {
  const all = await Promise.all(Array.from({ length: count }, (_, index) => world.apply(`${slug}-${index}`)))
  const worker = await world.worker()
  for (const { operation } of all) await world.until(operation.id, 'succeeded')
  await worker.stop()
  return all.map(({ tenant }) => tenant)
}

function commanded(kind: string, tenants: readonly SeenTenant[], at: readonly string[], end: Doomed['end']) {
  return Promise.all(
    at.map(async (boundary, index) => {
      const tenant = tenants[index] as SeenTenant
      const { body } = await world.request('POST', `/v1/tenants/${tenant.slug}/${kind}`, {})
      return { boundary, tenant, operation: (body['operation'] as SeenOperation).id, end }
    }),
  )
}

async function asAdmin(sql: (code: string) => string, { code }: SeenTenant) {
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  const { rows } = await admin.query<Record<string, unknown>>(sql(code))
  await admin.end()
  return rows
}
const customers = (tenant: SeenTenant) =>
  asAdmin((code) => `select name, email from t_${code}_prod.customers order by id`, tenant)

it('of an archive, then of a restore of the same tenants', { timeout: 400_000 }, async () => {
  const tenants = await made('moved', Math.max(boundaries.archive.length, boundaries.restore.length))
  const before = await customers(tenants[0] as SeenTenant)
  expect(before.length).toBeGreaterThan(1)
  await killWorkerAndGoOn(world, await commanded('archive', tenants, boundaries.archive, 'succeeded'))
  for (const [index, boundary] of boundaries.archive.entries()) {
    const tenant = tenants[index] as SeenTenant
    const { files: _, ledger, ...others } = await remainsOf(world, tenant)
    const { files: __, ...none } = nothing
    expect({ boundary, is: { ...others, ledger } }).toEqual({
      boundary,
      is: { ...none, ledger: ['prod/1/archive present'] },
    })
    expect({ boundary, is: await eventCounts(world, tenant) }).toMatchObject({
      boundary,
      is: {
        TENANCY_RESOURCE_CLOSED: 6,
        TENANCY_RESOURCE_EXPORTED: 3,
        TENANCY_ARCHIVE_VERIFIED: 1,
        TENANCY_RESOURCE_REMOVED: 6,
        TENANCY_REPORT_ISSUED: 1,
      },
    })
  }
  const rest = tenants.slice(boundaries.archive.length)
  if (rest.length > 0) {
    const worker = await world.worker()
    for (const { operation } of await commanded(
      'archive',
      rest,
      rest.map(({ slug }) => slug),
      'succeeded',
    ))
      await world.until(operation, 'succeeded')
    await worker.stop()
  }
  await killWorkerAndGoOn(world, await commanded('restore', tenants, boundaries.restore, 'succeeded'))
  for (const [index, boundary] of boundaries.restore.entries()) {
    const tenant = tenants[index] as SeenTenant
    const { ledger } = await remainsOf(world, tenant)
    expect({ boundary, is: ledger }).toEqual({
      boundary,
      is: ['1/archive', '2/database', '2/network', 'object-store', 'runtime', 'secrets', 'topic'].map(
        (key) => `prod/${key} present`,
      ),
    })
    expect({ boundary, is: await customers(tenant) }).toEqual({ boundary, is: before })
    expect({ boundary, is: await eventCounts(world, tenant) }).toMatchObject({
      boundary,
      is: {
        TENANCY_RESOURCE_IMPORTED: 3,
        TENANCY_RESOURCE_COMPARED: 3,
        TENANCY_RESOURCE_OPENED: 6,
        TENANCY_REPORT_ISSUED: 2,
      },
    })
    expect(await world.tenant(tenant.slug)).toMatchObject({ state: 'active', conditions: [] })
  }
})

it('of the undo of an archive that fails', { timeout: 240_000 }, async () => {
  const at = boundaries['archive-undone']
  const tenants = await made('undone', at.length)
  for (const tenant of tenants)
    await asAdmin(
      (code) => `set role t_${code}_prod_1_owner; create table t_${code}_prod.by_hand (id int); reset role`,
      tenant,
    )
  const doomed = await commanded('archive', tenants, at, 'failed')
  await killWorkerAndGoOn(world, doomed)
  for (const { tenant, boundary, operation } of doomed) {
    expect({ boundary, is: await remainsOf(world, tenant) }).toEqual({ boundary, is: whole(tenant) })
    expect({ boundary, is: await doors(world, tenant) }).toEqual({ boundary, is: open })
    expect((await world.operation(operation)).error).toMatchObject({ code: 'archive_unsupported' })
  }
})
