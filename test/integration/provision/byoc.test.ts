import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { leaks } from '../../support/leaks.ts'
import { nothing, remainsOf } from '../../support/remains.ts'
import { query } from '../../support/query.ts'
import { startTenantServer, type TenantServer } from '../../support/tenant-server.ts'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** A tenant whose database is on a PostgreSQL server of its own, on the real stack. */
describe('a tenant with a server of its own', () => {
  let world: World
  let server: TenantServer
  beforeAll(async () => {
    ;[world, server] = await Promise.all([createWorld(), startTenantServer()])
    await world.worker()
  })
  afterAll(async () => {
    await Promise.all([world.close(), server.stop()])
  })

  const put = (name: string, value: string) => world.request('PUT', `/v1/secrets/${name}`, { value })
  const spec = (secretRef: string) => ({
    profile: 'st-byoc',
    environments: [{ name: 'prod', database: { secretRef } }],
  })
  async function command(slug: string, name: string, body: object = {}): Promise<SeenOperation> {
    const answer = await world.request('POST', `/v1/tenants/${slug}/${name}`, body)
    expect([answer.status, answer.body]).toEqual([202, expect.anything()])
    return world.until((answer.body['operation'] as { id: string }).id, 'succeeded', 'failed')
  }
  async function urlOf(slug: string): Promise<string> {
    const { body } = await world.request('POST', `/v1/tenants/${slug}/credentials`, {})
    return (body['database'] as { url: string }).url
  }
  /** Databases and roles of a server that carry the tenant's code. */
  const named = ({ code }: SeenTenant) => `
    select datname::text as name from pg_database where datname like '%${code}%'
    union all select rolname::text from pg_roles where rolname like '%${code}%' order by 1`
  const onServer = async (tenant: SeenTenant) =>
    (await server.admin.query<{ name: string }>(named(tenant))).rows.map(({ name }) => name)
  const inCell = (tenant: SeenTenant) => query(world.adminUrl('warehouse'), named(tenant))
  const histories = async (tenant: SeenTenant) => {
    const texts: string[] = []
    for await (const { workflowId, runId } of world.client.workflow.list({ query: `TenantId = '${tenant.id}'` }))
      texts.push(JSON.stringify(await world.client.workflow.getHandle(workflowId, runId).fetchHistory()))
    return texts.join('\n')
  }

  it('lives there and nowhere else, from its first step to its purge', async () => {
    await put('own-server', server.url)
    const { tenant, operation } = await world.apply('bringer', spec('own-server'))
    expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded', error: null })
    const { body: context } = await world.request('GET', '/v1/tenants/bringer/context?environment=prod')
    const { code } = tenant
    expect(context).toMatchObject({
      profile: 'st-byoc',
      topology: {
        database: { host: server.host, port: server.port, database: `warehouse_${code}_prod` },
        objectStore: { container: `data-${code}-prod` },
        runtime: { taskQueue: `work-${code}-prod` },
      },
    })
    const names = [`t_${code}_prod_1_app`, `t_${code}_prod_1_owner`, `warehouse_${code}_prod`]
    expect(await onServer(tenant)).toEqual([...names, `warehouse_${code}_prod_tenants`])
    expect(await inCell(tenant)).toEqual([])

    const url = await urlOf('bringer')
    await query(url, `insert into customers (name, email) values ('mine', 'm@own.example')`)
    const session = new pg.Client({ connectionString: url })
    const ended = new Promise((resolve) => session.on('error', resolve))
    await session.connect()
    await command('bringer', 'suspend')
    await ended
    await expect(query(url, 'select 1')).rejects.toMatchObject({ code: '28000' })
    await command('bringer', 'resume')
    expect(await query(url, `select name from customers where name = 'mine'`)).toEqual([{ name: 'mine' }])

    await command('bringer', 'delete')
    expect(await command('bringer', 'purge', { confirm: 'bringer' })).toMatchObject({ state: 'succeeded' })
    expect([await onServer(tenant), await inCell(tenant)]).toEqual([[], []])
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    const secrets = { password: server.password, url: server.url }
    const events = await world.deps.orm.em.fork().execute('select body from events')
    const said = JSON.stringify([events, context, await world.operation(operation.id)]) + (await histories(tenant))
    expect(said).toContain('own-server')
    expect(leaks(said, secrets)).toEqual([])
    expect((await world.request('DELETE', '/v1/secrets/own-server')).status).toBe(200)
  })

  it('keeps its secret, which may get another password and leads to no other server, and keeps its profile', async () => {
    await put('kept-server', server.url)
    const { operation } = await world.apply('keeper', spec('kept-server'))
    await world.until(operation.id, 'succeeded')
    const listed = await world.request('GET', '/v1/secrets')
    expect(listed.body['items']).toContainEqual(
      expect.objectContaining({ name: 'kept-server', usedBy: [{ tenant: 'keeper', environment: 'prod' }] }),
    )
    const refused = [
      await world.request('DELETE', '/v1/secrets/kept-server'),
      await put('kept-server', server.url.replace(String(server.port), '1')),
      await put('kept-server', 'no URL'),
    ]
    expect(refused.map(({ status, body }) => [status, body['code']])).toEqual(refused.map(() => [409, 'secret_in_use']))
    const password = 'another-password'
    await server.admin.query(`alter role ${server.role} password '${password}'`)
    expect((await put('kept-server', server.urlOf(server.role, password))).status).toBe(200)
    await server.admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${server.role}'`)
    const before = await urlOf('keeper')
    expect(await command('keeper', 'credentials', { rotate: true })).toMatchObject({ state: 'succeeded' })
    await expect(query(before, 'select 1')).rejects.toMatchObject({ code: '28P01' })
    expect(await query(await urlOf('keeper'), 'select 1 as one')).toEqual([{ one: 1 }])
    await server.admin.query(`alter role ${server.role} password '${server.password}'`)
    expect((await put('kept-server', `${server.url}?sslmode=disable`)).status).toBe(200)
    expect(await urlOf('keeper')).toMatch(/\?sslmode=disable$/)

    await put('other-server', server.url)
    for (const [changed, path] of [
      [spec('other-server'), 'spec.environments.0.database'],
      [{ profile: 'st-dedicated' }, 'spec.profile'],
    ] as const) {
      const { status, body } = await world.request('PUT', '/v1/tenants/keeper', manifest('keeper', changed))
      expect([status, body['code']]).toEqual([422, 'field_immutable'])
      expect(body['errors']).toContainEqual(expect.objectContaining({ path }))
    }
  })

  it.each([
    ['no secret', undefined, 404, 'secret_not_found'],
    ['no URL', 'hunter2', 422, 'secret_unusable'],
  ])('is refused with its place when the reference leads to %s', async (what, value, status, code) => {
    const name = what.replace(' ', '-').toLowerCase()
    if (value !== undefined) await put(name, value)
    const answer = await world.request('POST', '/v1/tenants', manifest('refused', spec(name)))
    expect([answer.status, answer.body['code']]).toEqual([status, code])
    expect(answer.body['errors']).toMatchObject([{ path: 'spec.environments.0.database.secretRef' }])
    expect(JSON.stringify(answer.body)).not.toContain('hunter2')
    expect((await world.request('GET', '/v1/tenants/refused')).status).toBe(404)
  })

  it('is refused likewise when the secret is deleted just then', async () => {
    await put('vanishing', server.url)
    const client = new pg.Client({ connectionString: world.adminUrl('registry') })
    await client.connect()
    await client.query(`begin; delete from platform_secrets where name = 'vanishing'`)
    const answering = world.request('POST', '/v1/tenants', manifest('overtaken', spec('vanishing')))
    const waiting = () => query(world.adminUrl('registry'), 'select from pg_locks where not granted')
    await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBeGreaterThan(0)
    await client.query('commit')
    await client.end()
    const { status, body } = await answering
    expect([status, body['code']]).toEqual([404, 'secret_not_found'])
  })

  async function failing(slug: string, url: string): Promise<SeenOperation> {
    await put(`${slug}-server`, url)
    const { tenant, operation } = await world.apply(slug, spec(`${slug}-server`))
    const failed = await world.until(operation.id, 'succeeded', 'failed')
    expect(failed.error).not.toHaveProperty('unresolved')
    expect(await remainsOf(world, tenant)).toMatchObject({ ledger: [], schemas: [], roles: [], topics: [] })
    expect([await onServer(tenant), await inCell(tenant)]).toEqual([[], []])
    return failed
  }
  async function retried(slug: string): Promise<void> {
    expect(await command(slug, 'retry')).toMatchObject({ state: 'succeeded', error: null })
    expect(await query(await urlOf(slug), 'select 1 as one')).toEqual([{ one: 1 }])
  }

  it('fails without a trace when the server cannot be reached, and is made once the URL is right', async () => {
    const [port = 0] = await freePorts(1)
    const { error } = await failing('nowhere', server.url.replace(String(server.port), String(port)))
    expect(error).toMatchObject({ code: 'substrate_unavailable', step: 'prod/1/database' })
    expect(error?.message).toContain(`the server of secret "nowhere-server" (127.0.0.1:${port}/`)
    expect((await put('nowhere-server', server.url)).status).toBe(200)
    await retried('nowhere')
  })

  it('fails without a trace when the login lacks rights, names each with its statement, and is made once they are given', async () => {
    await server.admin.query(
      `create role weak login password 'weak'; grant connect on database ${server.database} to weak`,
    )
    const { error } = await failing('weakly', server.urlOf('weak', 'weak'))
    expect(error).toMatchObject({ code: 'byoc_rights_missing', step: 'prod/1/database' })
    expect(error?.message).toContain('alter role "weak" createrole')
    expect(error?.message).toContain('alter role "weak" createdb')
    await server.admin.query('alter role weak createrole createdb')
    await retried('weakly')
    const superuser = await failing('strongly', server.adminUrl)
    expect(superuser.error).toMatchObject({ code: 'byoc_rights_missing' })
    expect(superuser.error?.message).toContain('alter role "postgres" nosuperuser')
  })

  it('fails at once, and says so, when the server refuses the login', async () => {
    for (const [slug, url] of [
      ['stranger', server.urlOf(server.role, 'wrong-password')],
      ['secured', `${server.url}?sslmode=verify-full`],
    ] as const) {
      const { error } = await failing(slug, url)
      expect(error).toMatchObject({ code: 'byoc_login_refused', step: 'prod/1/database' })
      expect(error?.message).toContain(`freehold secrets put ${slug}-server`)
      expect(error?.message).not.toContain('wrong-password')
    }
  })
})
