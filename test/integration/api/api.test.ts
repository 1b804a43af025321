import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApiKey } from '../../../registry/api-keys.ts'
import { tenantSecrets } from '../../../registry/secrets.ts'
import { manifest, openTestApi, type Body, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

/** A tenant as it is once its provisioning has ended in this state. */
async function settled(state: 'active' | 'failed', spec: object = {}) {
  const { body } = await api.call('POST', '/v1/tenants', { body: manifest({ spec }) })
  const outcome = state === 'active' ? 'succeeded' : 'failed'
  await api.sql(`update operations set state = ?, revision = revision + 1, finished_at = now() where id = ?`, [
    outcome,
    body.operation.id,
  ])
  await api.sql(`update tenants set state = ? where id = ?`, [state, body.tenant.id])
  return body as { tenant: { id: string; slug: string; code: string }; operation: { id: string } }
}

describe('who may do what', () => {
  test.each([
    ['no key', null],
    ['an unknown key', `fh_${'a'.repeat(43)}`],
    ['something that is no key', "' or 1=1 --"],
  ])('%s is refused with 401', async (_, key) => {
    const { status, body, headers } = await api.call('GET', '/v1/tenants', { key })
    expect([status, body.code]).toEqual([401, 'unauthenticated'])
    expect(headers.get('www-authenticate')).toBe('Bearer')
  })

  test('a revoked key no longer works', async () => {
    const key = await createApiKey(api.orm.em.fork(), 'leaver', 'platform-operator')
    expect((await api.call('GET', '/v1/whoami', { key })).body).toEqual({ name: 'leaver', role: 'platform-operator' })
    await api.sql(`update api_keys set revoked_at = now() where name = 'leaver'`)
    expect((await api.call('GET', '/v1/whoami', { key })).status).toBe(401)
  })

  test('an auditor reads and does not write, nor sees credentials', async () => {
    const { tenant } = await settled('active')
    const key = api.keys.auditor
    expect((await api.call('GET', `/v1/tenants/${tenant.slug}`, { key })).status).toBe(200)
    const writes = [
      ['POST', '/v1/tenants'],
      ['POST', `/v1/tenants/${tenant.slug}/credentials`],
      ['DELETE', `/v1/tenants/${tenant.slug}`],
    ] as const
    for (const [method, path] of writes)
      expect((await api.call(method, path, { key, body: {} })).body.code).toBe('forbidden')
  })

  test.each(['/healthz', '/readyz', '/metrics', '/openapi.json', '/schemas/tenant-v1alpha1.json', '/docs'])(
    '%s needs no key',
    async (path) => {
      expect((await api.call('GET', path, { key: null })).status).toBe(200)
    },
  )
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
  test('creates, then changes nothing, then refuses an update', async () => {
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
    expect([other.status, other.body.code]).toEqual([422, 'not_available'])
    const contacts = { ...wish, spec: { ...wish.spec, contacts: [{ role: 'admin', email: 'a@b.example' }] } }
    expect((await api.call('PUT', path, { body: contacts })).body.code).toBe('not_available')
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

describe('Idempotency-Key', () => {
  test('gives the same answer to the same call and refuses another', async () => {
    const body = manifest()
    const headers = { 'Idempotency-Key': `once-${body.metadata.slug}` }
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.call('POST', '/v1/tenants', { body, headers })),
    )
    expect(new Set(answers.map((answer) => answer.body.operation.id)).size).toBe(1)
    expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true')).toHaveLength(7)
    expect(new Set(answers.map((answer) => answer.headers.get('location'))).size).toBe(1)
    const other = await api.call('POST', '/v1/tenants', { body: manifest(), headers })
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_conflict'])
  })

  test.each(['', 'a b', 'é', 'x'.repeat(256)])('"%s" is refused', async (key) => {
    const { status, body } = await api.call('POST', '/v1/tenants', {
      body: manifest(),
      headers: { 'Idempotency-Key': key },
    })
    expect([status, body.code]).toEqual([400, 'invalid_request'])
  })
})

test('If-Match guards every change of a tenant that exists', async () => {
  const { tenant } = await settled('failed')
  const refused = async (ifMatch: string) =>
    (await api.call('DELETE', `/v1/tenants/${tenant.slug}`, { headers: { 'If-Match': ifMatch } })).body.code
  expect(await refused('"2"')).toBe('generation_mismatch')
  expect(await refused('2')).toBe('invalid_request')
  const { headers } = await api.call('GET', `/v1/tenants/${tenant.slug}`)
  expect(headers.get('etag')).toBe('"1"')
  const purge = await api.call('DELETE', `/v1/tenants/${tenant.slug}`, {
    headers: { 'If-Match': '"1"' },
    body: { reason: 'wrong region' },
  })
  expect(purge.body.operation).toMatchObject({ kind: 'purge', reason: 'wrong region', state: 'accepted' })
})

describe('commands', () => {
  test('one operation holds the tenant', async () => {
    const { tenant } = await settled('failed')
    const answers = await Promise.all(Array.from({ length: 5 }, () => api.call('DELETE', `/v1/tenants/${tenant.id}`)))
    const accepted = answers.filter(({ status }) => status === 202)
    expect(accepted).toHaveLength(1)
    const refused = answers.filter(({ body }) => body.code === 'operation_in_progress')
    expect(refused.map(({ body }) => body.facts.operationId)).toEqual(
      Array.from({ length: 4 }, () => accepted[0]?.body.operation.id),
    )
  })

  test('a tenant that is active is not purged', async () => {
    const { tenant } = await settled('active')
    const { status, body } = await api.call('DELETE', `/v1/tenants/${tenant.slug}`)
    expect([status, body.code]).toEqual([409, 'transition_not_allowed'])
    expect(body.facts).toEqual({ state: 'active', allowed: ['rotate-credentials'] })
  })

  test('retry is another attempt at the same operation', async () => {
    const { tenant, operation } = await settled('failed')
    const { body } = await api.call('POST', `/v1/tenants/${tenant.slug}/retry`, { body: { reason: 'disk is back' } })
    expect(body.operation).toMatchObject({ id: operation.id, attempt: 2, state: 'accepted', finishedAt: null })
    expect(api.started).toContainEqual(expect.objectContaining({ id: operation.id, attempt: 2 }))
    const again = await api.call('POST', `/v1/tenants/${tenant.slug}/retry`)
    expect([again.status, again.body.code]).toEqual([409, 'operation_not_open'])
  })

  test.each([
    ['accepted', 1, 'start'],
    ['running', 1, 'cancel'],
    ['interrupted', 2, 'start'],
  ] as const)('abort of an operation that is %s', async (state, attempt, told) => {
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
    const { id } = body.operation
    await api.sql('update operations set state = ? where id = ?', [state, id])
    const before = api.started.length
    const answer = await api.call('POST', `/v1/tenants/${body.tenant.id}/abort`)
    expect(answer.body.operation).toMatchObject({ id, attempt, intent: 'compensate' })
    const heard = told === 'start' ? api.started.slice(before) : api.cancelled
    expect(heard).toContainEqual(expect.objectContaining({ id, attempt }))
  })

  test('abort is refused for what is settled and for what only goes forward', async () => {
    const { tenant } = await settled('failed')
    expect((await api.call('POST', `/v1/tenants/${tenant.id}/abort`)).body.code).toBe('operation_not_open')
    await api.call('DELETE', `/v1/tenants/${tenant.id}`)
    expect((await api.call('POST', `/v1/tenants/${tenant.id}/abort`)).body.code).toBe('transition_not_allowed')
  })

  test('credentials are read with an event and renewed by an operation', async () => {
    const { tenant } = await settled('active')
    const secret = `secrets/${tenant.code}/prod/database-1`
    await tenantSecrets(api.orm.em.fork(), api.platformKey, tenant.id).replace(secret, 'pass-word-1')
    const path = `/v1/tenants/${tenant.slug}/credentials`
    const { status, body, headers } = await api.call('POST', path)
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    const user = `t_${tenant.code}_prod_1_app`
    expect(body.database).toMatchObject({ user, schema: `t_${tenant.code}_prod`, password: 'pass-word-1' })
    expect(body.database.url).toBe(`postgresql://${user}:pass-word-1@127.0.0.1:5432/warehouse_shared`)
    const events = await api.call('GET', `/v1/tenants/${tenant.id}/events`)
    expect(events.body.items.at(-1)).toMatchObject({ type: 'TENANCY_CREDENTIALS_READ', actor: 'key:boss' })
    expect(events.text).not.toContain('pass-word-1')
    expect((await api.call('POST', path, { body: { environment: 'nope' } })).body.code).toBe('environment_not_found')
    const rotation = await api.call('POST', path, { body: { rotate: true } })
    expect([rotation.status, rotation.body.operation.kind]).toEqual([202, 'rotate-credentials'])
    const failed = await settled('failed')
    const refused = await api.call('POST', `/v1/tenants/${failed.tenant.slug}/credentials`)
    expect([refused.status, refused.body.code]).toEqual([409, 'transition_not_allowed'])
  })
})

describe('reading', () => {
  test('lists are filtered and paged without gaps', async () => {
    const labels = { batch: `b${Date.now()}`, note: 'it\'s 100% "quoted"' }
    const made: string[] = []
    for (let count = 0; count < 5; count += 1) {
      const { body } = await api.call('POST', '/v1/tenants', { body: manifest({ labels }) })
      made.push(body.tenant.id)
    }
    const query = new URLSearchParams([
      ['label', `batch=${labels.batch}`],
      ['label', `note=${labels.note}`],
      ['state', 'provisioning'],
      ['profile', 'mt-standard'],
      ['limit', '2'],
    ])
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      if (cursor !== '') query.set('cursor', cursor)
      const { body } = await api.call('GET', `/v1/tenants?${query.toString()}`)
      seen.push(...body.items.map((item: { id: string }) => item.id))
      cursor = body.nextCursor
    }
    expect(seen).toEqual(made)
    const none = await api.call('GET', `/v1/tenants?label=batch=other`)
    expect(none.body).toEqual({ items: [], nextCursor: null })
    const operations = await api.call('GET', `/v1/operations?tenant=${made[0]}&state=accepted`)
    expect(operations.body.items).toMatchObject([{ tenant: { id: made[0] }, kind: 'provision' }])
  })

  test('one tenant comes with its resolved manifest, by id and by slug', async () => {
    const { tenant } = await settled('active')
    const byId = await api.call('GET', `/v1/tenants/${tenant.id}`)
    expect(byId.body.manifest.spec).toMatchObject({ environments: [{ name: 'prod' }], schema: { appVersion: '1.4.0' } })
    expect((await api.call('GET', `/v1/tenants/${tenant.slug}`)).body).toEqual(byId.body)
    expect((await api.call('GET', `/v1/tenants/${tenant.id}/resources`)).body).toEqual({ items: [] })
  })

  test('a purged tenant is gone, its events are not', async () => {
    const { tenant } = await settled('failed')
    await api.sql(`update tenants set state = 'purged' where id = ?`, [tenant.id])
    expect((await api.call('GET', `/v1/tenants/${tenant.id}`)).status).toBe(410)
    expect((await api.call('GET', `/v1/tenants/${tenant.slug}`)).status).toBe(404)
    expect((await api.call('GET', `/v1/tenants/${tenant.id}/events`)).body.items).toHaveLength(3)
  })

  test('the context has an ETag that changes with what it says', async () => {
    const { tenant } = await settled('active')
    const path = `/v1/tenants/${tenant.slug}/context`
    const first = await api.call('GET', `${path}?environment=prod`)
    expect(first.body).toMatchObject({ version: 1, tenantId: tenant.id, environment: 'prod', epoch: 1 })
    const etag = first.headers.get('etag') ?? ''
    const headers = { 'If-None-Match': etag }
    expect((await api.call('GET', path, { headers })).status).toBe(304)
    await api.sql('update placements set epoch = 2 where tenant_id = ?', [tenant.id])
    const changed = await api.call('GET', path, { headers })
    expect([changed.status, changed.body.epoch]).toEqual([200, 2])
    expect((await api.call('GET', `${path}?environment=nope`)).body.code).toBe('environment_not_found')
  })

  test('a step is shown as running when everything before it is done', async () => {
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
    const steps = [
      { key: 'a', title: 'a', after: [], state: 'done' },
      { key: 'b', title: 'b', after: ['a'], state: 'pending' },
      { key: 'c', title: 'c', after: ['b'], state: 'pending' },
    ]
    await api.sql(`update operations set state = 'running', steps = ?::jsonb where id = ?`, [
      JSON.stringify(steps),
      body.operation.id,
    ])
    const { body: operation } = await api.call('GET', `/v1/operations/${body.operation.id}`)
    expect(operation.steps.map((step: { state: string }) => step.state)).toEqual(['done', 'running', 'pending'])
  })

  test('a stream follows an operation to its end and resumes where it was', async () => {
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
    const path = `/v1/operations/${body.operation.id}/stream`
    const whole = api.call('GET', path)
    await api.sql(`update operations set state = 'succeeded', revision = 7 where id = ?`, [body.operation.id])
    const { text } = await whole
    expect(text).toMatch(/id: 7\n/)
    expect(text).toMatch(/event: end/)
    const resumed = await api.call('GET', path, { headers: { 'Last-Event-ID': '6' } })
    expect(resumed.text).toContain('event: operation')
    const done = await api.call('GET', path, { headers: { 'Last-Event-ID': '7' } })
    expect(done.text).not.toContain('event: operation')
    expect(done.text).toContain('event: end')
  })
})

describe('bad input gets a clean answer', () => {
  const post = (type: string, body: Body) => ({ headers: { 'content-type': type }, body })
  const aliases = `a: &a [x]\n${Array.from({ length: 60 }, (_, n) => `b${n}: [*a, *a]`).join('\n')}`
  const endless = () =>
    new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) })

  test.each([
    ['malformed JSON', post('application/json', '{"a": '), 400, 'malformed_body'],
    ['YAML called JSON', post('application/json', 'kind: Tenant'), 400, 'malformed_body'],
    ['malformed YAML', post('application/yaml', 'a: [1'), 400, 'malformed_body'],
    ['no body', post('application/yaml', ''), 400, 'malformed_body'],
    ['bytes that are no text', post('application/yaml', new Uint8Array([0xff, 0xfe, 0x00])), 400, 'malformed_body'],
    ['YAML nested without end', post('text/yaml', '['.repeat(100_000)), 400, 'malformed_body'],
    [
      'JSON nested without end',
      post('application/json', `${'['.repeat(1e5)}${']'.repeat(1e5)}`),
      400,
      'malformed_body',
    ],
    ['YAML full of aliases', post('text/yaml', aliases), 400, 'malformed_body'],
    ['another content type', post('text/plain', 'a'), 415, 'unsupported_media_type'],
    ['another encoding', post('application/json; charset=latin1', '{}'), 415, 'unsupported_media_type'],
    ['a body without end', post('application/yaml', endless()), 413, 'body_too_large'],
    ['a body of 2 MB', post('application/yaml', 'a'.repeat(2_000_000)), 413, 'body_too_large'],
    ['unknown fields', { body: { ...manifest(), surprise: 1 } }, 422, 'manifest_invalid'],
    ['a slug with SQL in it', { body: manifest({ slug: "a'; drop table tenants; --" }) }, 422, 'manifest_invalid'],
    ['a slug with a path in it', { body: manifest({ slug: '../../etc' }) }, 422, 'manifest_invalid'],
    ['a plan nobody has', { body: manifest({ spec: { plan: 'gold' } }) }, 422, 'plan_not_configured'],
    ['what is not built', { body: manifest({ spec: { profile: 'st-byoc' } }) }, 422, 'not_available'],
  ])('POST with %s', async (_, options, status, code) => {
    const answer = await api.call('POST', '/v1/tenants', options)
    expect([answer.status, answer.body.code]).toEqual([status, code])
  })

  test.each([
    ['GET', '/v1/tenants?cursor=nonsense', 400, 'invalid_request'],
    ['GET', '/v1/tenants?cursor=%00', 400, 'invalid_request'],
    ['GET', '/v1/tenants?limit=0', 400, 'invalid_request'],
    ['GET', '/v1/tenants?limit=201', 400, 'invalid_request'],
    ['GET', '/v1/tenants?state=happy', 400, 'invalid_request'],
    ['GET', '/v1/tenants?label=nothing', 400, 'invalid_request'],
    ['GET', '/v1/tenants?label=a=%00', 400, 'invalid_request'],
    ['GET', '/v1/operations?tenant=%00', 404, 'tenant_not_found'],
    ['GET', '/v1/operations?cursor=Jw', 400, 'invalid_request'],
    ['GET', "/v1/tenants/'%20or%201=1", 404, 'tenant_not_found'],
    ['GET', '/v1/tenants/%00', 404, 'tenant_not_found'],
    ['GET', '/v1/tenants/%zz', 404, 'tenant_not_found'],
    ['GET', '/v1/tenants/..%2f..%2fetc%2fpasswd', 404, 'tenant_not_found'],
    ['GET', '/v1/operations/%00', 404, 'operation_not_found'],
    ['GET', '/v1/operations/00000000-0000-7000-8000-000000000000/stream', 404, 'operation_not_found'],
    ['GET', '/v1/nothing', 404, 'not_found'],
    ['GET', '/nothing', 404, 'not_found'],
    ['PATCH', '/v1/tenants', 405, 'method_not_allowed'],
    ['POST', '/v1/operations', 405, 'method_not_allowed'],
    ['POST', '/v1/tenants/nobody/retry', 404, 'tenant_not_found'],
  ])('%s %s', async (method, path, status, code) => {
    const { body, headers, ...answer } = await api.call(method, path)
    expect([answer.status, body.code]).toEqual([status, code])
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(body).toMatchObject({
      type: `https://freehold.dev/errors/${code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      instance: headers.get('x-correlation-id'),
      retry: false,
    })
    expect(answer.text.length).toBeLessThan(2_000)
  })

  test('a name of 200 kB is no tenant, and is not sent back', async () => {
    const { status, text } = await api.call('GET', `/v1/tenants/${'a'.repeat(200_000)}`)
    expect(status).toBe(404)
    expect(text.length).toBeLessThan(2_000)
  })

  test('an error nobody foresaw tells the caller nothing of itself', async () => {
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
    await api.sql(`update tenants set labels = '[]', conditions = '[]' where id = ?`, [body.tenant.id])
    await api.sql(`delete from generations where tenant_id = ?`, [body.tenant.id])
    const answer = await api.call('GET', `/v1/tenants/${body.tenant.id}`)
    expect([answer.status, answer.body.code, answer.body.retry]).toEqual([500, 'internal', true])
    expect(answer.text).not.toMatch(/Generation|select|at /)
    expect(api.lines.join('')).toContain(answer.body.instance)
  })
})

test('a request is one line in the log, with the template of its path and no key', async () => {
  const { tenant } = await settled('active')
  const headers = { 'X-Correlation-ID': 'log-me' }
  await api.call('GET', `/v1/tenants/${tenant.slug}`, { headers })
  const lines = api.lines.map((line) => JSON.parse(line)).filter((line) => line.correlation_id === 'log-me')
  expect(lines).toMatchObject([
    { method: 'GET', path: '/v1/tenants/:idOrSlug', status: 200, ms: expect.any(Number), tenant_id: tenant.id },
  ])
  expect(api.lines.join('')).not.toContain(api.keys.admin)
  const metrics = await api.call('GET', '/metrics')
  expect(metrics.text).toContain(
    'freehold_http_request_duration_seconds_count{method="GET",path="/v1/tenants/:idOrSlug"',
  )
})

test('the OpenAPI document names every path, and its references resolve', async () => {
  const { body, text } = await api.call('GET', '/openapi.json')
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining(['/v1/tenants', '/v1/tenants/{idOrSlug}/credentials', '/v1/operations/{id}/stream']),
  )
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    expect(body.components.schemas).toHaveProperty([name])
})
