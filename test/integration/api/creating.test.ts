import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifest, mebibyte, openTestApi, paddedManifest, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

describe('creating a tenant', () => {
  test('is accepted with an operation, started after the commit, and told in the events', async () => {
    const wish = manifest({ spec: { environments: [{ name: 'staging' }, { name: 'prod' }] } })
    const { status, body, headers } = await api.call('POST', '/v1/tenants', {
      body: wish,
      headers: { 'X-Correlation-ID': 'order-66' },
    })
    expect(status).toBe(202)
    const { tenant, operation } = body
    expect(headers.get('location')).toBe(`/v1/operations/${operation.id}`)
    expect(tenant).toMatchObject({
      slug: wish.metadata.slug,
      state: 'provisioning',
      generation: 1,
      observedGeneration: 0,
      dataKey: tenant.id.replaceAll('-', ''),
      operation: { id: operation.id, kind: 'provision', state: 'accepted' },
    })
    expect(tenant.environments.map((one: { name: string }) => one.name)).toEqual(['prod', 'staging'])
    expect(operation).toMatchObject({
      actor: 'key:boss',
      correlationId: 'order-66',
      links: {
        workflow: `http://127.0.0.1:8233/namespaces/freehold/workflows/${encodeURIComponent(`provision/${operation.id}`)}`,
      },
    })
    expect(api.started).toContainEqual({
      id: operation.id,
      kind: 'provision',
      attempt: 1,
      tenant: tenant.id,
      generation: 1,
      slug: tenant.slug,
    })
    const events = await api.call('GET', `/v1/tenants/${tenant.id}/events?limit=2`)
    expect(events.body.items.map((event: { type: string }) => event.type)).toEqual([
      'TENANCY_TENANT_ACCEPTED',
      'TENANCY_KEY_CREATED',
    ])
    const rest = await api.call('GET', `/v1/tenants/${tenant.id}/events?after=${events.body.nextAfter}`)
    expect(rest.body).toMatchObject({ items: [{ type: 'TENANCY_OPERATION_ACCEPTED', seq: 3 }], nextAfter: null })
    expect(rest.body.items[0].previousHash).toBe(events.body.items[1].hash)
  })

  test('may take a manifest of 1 MiB', async () => {
    const headers = { 'content-type': 'application/yaml' }
    expect((await api.call('POST', '/v1/tenants', { headers, body: paddedManifest(mebibyte) })).status).toBe(202)
  })

  test('20 at once with the same slug make one tenant', async () => {
    const body = manifest()
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.call('POST', '/v1/tenants', { body })))
    const codes = answers.map((answer) => `${answer.status} ${answer.body.code ?? ''}`.trim()).toSorted()
    expect(codes).toEqual(['202', ...Array.from({ length: 19 }, () => '409 slug_taken')])
    const used = await api.sql('select sum(used) = (select count(*) from placements) as ok from cells')
    expect(used).toEqual([{ ok: true }])
  })

  test('many at once with several environments all come through', async () => {
    const spec = { environments: ['dev', 'test', 'staging', 'prod'].map((name) => ({ name })) }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.call('POST', '/v1/tenants', { body: manifest({ spec }) })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 202))
  })

  test('stands when the workflow service cannot be told', async () => {
    const { status, body } = await api.call('POST', '/v1/tenants', { body: manifest({ slug: 'lost-tenant' }) })
    expect(status).toBe(202)
    expect((await api.call('GET', `/v1/operations/${body.operation.id}`)).body.state).toBe('accepted')
  })

  test('a contact is in no table and no log line in clear', async () => {
    const email = 'planted.person@secret.example'
    const spec = { contacts: [{ role: 'admin', email }] }
    const { body } = await api.call('POST', '/v1/tenants', {
      body: manifest({ spec }),
      headers: { 'Idempotency-Key': 'planted-contact' },
    })
    await api.call('GET', `/v1/tenants/${body.tenant.id}`)
    const tables = await api.sql(`select tablename from pg_tables where schemaname = 'public'`)
    for (const { tablename } of tables as { tablename: string }[]) {
      const rows = await api.sql(`select row_to_json(t)::text as text from "${tablename}" t`)
      const hex = Buffer.from(email).toString('hex')
      for (const { text } of rows as { text: string }[]) {
        expect(text).not.toContain(email)
        expect(text).not.toContain(hex)
      }
    }
    expect(api.lines.join('')).not.toContain(email)
  })

  test('a refusal by policy is an event of the platform and makes nothing', async () => {
    const wish = manifest({ spec: { policies: { residency: 'us' } } })
    const { status, body } = await api.call('POST', '/v1/tenants', {
      body: wish,
      headers: { 'X-Correlation-ID': 'denied-1' },
    })
    expect([status, body.code]).toEqual([422, 'policy_denied'])
    expect(body.errors).toMatchObject([{ path: 'spec.policies.residency' }])
    const events = await api.sql(`select body from events where stream = 'platform' and type = 'TENANCY_DENIED'`)
    expect(JSON.stringify(events)).toContain('denied-1')
    expect((await api.call('GET', `/v1/tenants/${wish.metadata.slug}`)).body.code).toBe('tenant_not_found')
  })
})

describe('PUT', () => {
  test('creates, then changes nothing, and refuses another manifest while the tenant is being made', async () => {
    const wish = manifest({ labels: { tier: 'a' } })
    const path = `/v1/tenants/${wish.metadata.slug}`
    const first = await api.call('PUT', path, { body: wish })
    expect([first.status, first.body.changed]).toEqual([202, true])
    const yaml = `# the same in YAML
apiVersion: freehold.dev/v1alpha1
kind: Tenant
metadata: { slug: ${wish.metadata.slug}, name: Acme Manufacturing, labels: { tier: a } }
spec: { region: eu-north, plan: pro }
`
    const again = await api.call('PUT', path, { body: yaml, headers: { 'content-type': 'application/yaml' } })
    expect(again.body).toMatchObject({ tenant: { id: first.body.tenant.id }, operation: null, changed: false })
    const other = await api.call('PUT', path, { body: { ...wish, metadata: { ...wish.metadata, name: 'Other' } } })
    expect([other.status, other.body.code]).toEqual([409, 'operation_in_progress'])
    const contacts = { ...wish, spec: { ...wish.spec, contacts: [{ role: 'admin', email: 'a@b.example' }] } }
    expect((await api.call('PUT', path, { body: contacts })).body.code).toBe('operation_in_progress')
  })

  test('10 at once create once', async () => {
    const wish = manifest()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.call('PUT', `/v1/tenants/${wish.metadata.slug}`, { body: wish })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: 9 }, () => 200), 202])
  })

  test('the path must name the slug', async () => {
    const { status, body } = await api.call('PUT', '/v1/tenants/another', { body: manifest() })
    expect([status, body.code]).toEqual([400, 'invalid_request'])
  })
})
