import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { boundaries, brokenEnvironment } from '../../support/boundaries.ts'
import { killWorkerAndGoOn, type Doomed } from '../../support/killed-worker.ts'
import { nothing, remainsOf } from '../../support/remains.ts'
import { startTenantServer, type TenantServer } from '../../support/tenant-server.ts'
import { tries } from '../../support/timing.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** A worker killed in the middle of what it does on a server of the tenant's own; the rest is as for every tenant. */
describe('a worker killed around each verb on a tenant’s own server', { timeout: 240_000 }, () => {
  let world: World
  let server: TenantServer
  beforeAll(async () => {
    ;[world, server] = await Promise.all([
      createWorld({ timing: { tryMs: tries(30_000), maximumAttempts: 20 } }),
      startTenantServer(),
    ])
    await world.request('PUT', '/v1/secrets/own-server', { value: server.url })
  })
  afterAll(async () => {
    await Promise.all([world.close(), server.stop()])
  })

  const ofDatabase = (all: readonly string[]) => all.filter((boundary) => boundary.includes('database'))
  const accept = (slug: string, environment: string, end: Doomed['end']) => async (boundary: string, index: number) => {
    const { tenant, operation } = await world.apply(`${slug}-${index}`, {
      profile: 'st-byoc',
      environments: [{ name: environment, database: { secretRef: 'own-server' } }],
    })
    return { boundary, tenant, operation: operation.id, end }
  }
  async function command(tenant: SeenTenant, name: string, body: object = {}): Promise<string> {
    const answer = await world.request('POST', `/v1/tenants/${tenant.slug}/${name}`, body)
    expect(answer.status).toBe(202)
    return (answer.body['operation'] as SeenOperation).id
  }
  const onServer = async ({ code }: SeenTenant) => {
    const { rows } = await server.admin.query<{ name: string }>(
      `select datname::text as name from pg_database where datname like $1
       union all select rolname::text from pg_roles where rolname like $1 order by 1`,
      [`%${code}%`],
    )
    return rows.map(({ name }) => name)
  }
  const urlOf = async ({ slug }: SeenTenant) => {
    const { body } = await world.request('POST', `/v1/tenants/${slug}/credentials`, {})
    return (body['database'] as { url: string }).url
  }
  async function canLogIn(url: string): Promise<boolean> {
    const client = new pg.Client({ connectionString: url })
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  }
  const doom = (
    tenants: readonly SeenTenant[],
    all: readonly string[],
    name: string,
    body?: (of: SeenTenant) => object,
  ) =>
    Promise.all(
      ofDatabase(all).map(async (boundary, index) => {
        const tenant = tenants[index] as SeenTenant
        const operation = await command(tenant, name, body?.(tenant))
        return { boundary, tenant, operation, end: 'succeeded' as const }
      }),
    )

  it('ends what was begun, doubles nothing, and leaves nothing behind', async () => {
    const made = await Promise.all(ofDatabase(boundaries.provision).map(accept('made', 'prod', 'succeeded')))
    const undone = await Promise.all(ofDatabase(boundaries.undo).map(accept('undone', brokenEnvironment, 'failed')))
    expect([made.length, undone.length]).toEqual([6, 3])
    await killWorkerAndGoOn(world, [...made, ...undone])
    for (const { tenant, boundary } of undone)
      expect([await onServer(tenant), await remainsOf(world, tenant)], `${boundary}`).toEqual([[], nothing])
    const tenants = made.map(({ tenant }) => tenant)
    const urls = new Map<string, string>()
    for (const { tenant, boundary } of made) {
      const { code } = tenant
      expect(await onServer(tenant), `${boundary}`).toEqual([
        `t_${code}_prod_1_app`,
        `t_${code}_prod_1_owner`,
        `warehouse_${code}_prod`,
        `warehouse_${code}_prod_tenants`,
      ])
      urls.set(code, await urlOf(tenant))
      expect(await canLogIn(urls.get(code) ?? ''), `${boundary}`).toBe(true)
    }

    const suspended = await doom(tenants, boundaries.suspend, 'suspend')
    await killWorkerAndGoOn(world, suspended)
    for (const { tenant, boundary } of suspended)
      expect(await canLogIn(urls.get(tenant.code) ?? ''), `${boundary}`).toBe(false)

    await sqlOf(world.deps.orm.pool)({ text: `update tenants set state = 'soft-deleted' where state = 'suspended'` })
    const purged = await doom(tenants, boundaries.purge, 'purge', ({ slug }) => ({ confirm: slug }))
    await killWorkerAndGoOn(world, purged)
    for (const { tenant, boundary } of purged)
      expect([await onServer(tenant), await remainsOf(world, tenant)], `${boundary}`).toEqual([[], nothing])
  })
})
