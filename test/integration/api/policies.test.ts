import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestApi, manifest, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

const keep30 = { name: 'keep-30-days', kind: 'retention', minimumDays: 30 }
const small = { name: 'small-only', kind: 'quota', maximum: { storageGiB: 10 }, remedy: 'ask for an exception' }
const put = (rules: object[], headers: Record<string, string> = {}, more: object = {}) =>
  api.call('PUT', '/v1/policies', { body: { rules, ...more }, headers })
const short = { policies: { retention: 'P7D' } }
const eventsOf = async (stream: string, type: string) =>
  (await api.sql('select body from events where stream = ? and type = ? order by seq', [stream, type])).map(
    ({ body }) => JSON.parse(String(body)).data,
  )

beforeEach(async () => {
  await put([])
})

describe('the policy', () => {
  test('is versioned: the newest is in force, earlier ones can be read, and the same again is no version', async () => {
    const first = await put([keep30], {}, { reason: 'ticket 1' })
    const { version } = first.body.policy
    expect(first.body).toMatchObject({
      changed: true,
      policy: { rules: [keep30], actor: 'key:boss', reason: 'ticket 1' },
    })
    expect(first.headers.get('etag')).toBe(`"${version}"`)
    const second = await put([{ ...keep30, minimumDays: 31 }, small])
    expect(second.body.policy.version).toBe(version + 1)
    expect((await put([{ ...keep30, minimumDays: 31 }, small])).body).toEqual({ ...second.body, changed: false })
    expect((await api.call('GET', '/v1/policies')).body).toEqual(second.body.policy)
    expect((await api.call('GET', `/v1/policies?version=${version}`)).body).toEqual(first.body.policy)
    const changes = await eventsOf('platform', 'TENANCY_POLICY_CHANGED')
    expect(changes.slice(-2)).toEqual([
      { before: version - 1, after: version, added: ['keep-30-days'], removed: [], changed: [], reason: 'ticket 1' },
      { before: version, after: version + 1, added: ['small-only'], removed: [], changed: ['keep-30-days'] },
    ])
  })

  test('is one of no rules where there never was one, and has no version that was not', async () => {
    expect((await api.call('GET', '/v1/policies?version=0')).body).toMatchObject({ version: 0, rules: [], actor: null })
    const { status, body } = await api.call('GET', '/v1/policies?version=999')
    expect([status, body.code]).toEqual([404, 'policy_version_unknown'])
  })

  test('is changed from the version that was seen, and once under one key', async () => {
    const { version } = (await api.call('GET', '/v1/policies')).body
    const stale = await api.unchanged(() => put([keep30], { 'if-match': `"${version + 1}"` }))
    expect([stale.status, stale.body.code, stale.body.facts]).toEqual([412, 'policy_version_mismatch', { version }])
    const headers = { 'if-match': `"${version}"`, 'idempotency-key': 'policy-1' }
    const first = await put([keep30], headers)
    expect(first.body).toMatchObject({ changed: true, policy: { version: version + 1 } })
    const again = await put([keep30], headers)
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true'])
  })

  test('two changes at once are two versions, one after the other', async () => {
    const { version } = (await api.call('GET', '/v1/policies')).body
    const answers = await Promise.all([put([keep30]), put([small])])
    const versions = answers.map(({ body }) => body.policy.version as number)
    expect(versions.toSorted((a, b) => a - b)).toEqual([version + 1, version + 2])
  })

  test('is changed by an admin alone, and by nobody in the database', async () => {
    const refused = await api.unchanged(() =>
      api.call('PUT', '/v1/policies', { key: api.keys.auditor, body: { rules: [] } }),
    )
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
    await api.sql(`update api_keys set role = 'platform-operator' where name = 'auditor'`)
    const operator = await api.unchanged(() =>
      api.call('PUT', '/v1/policies', { key: api.keys.auditor, body: { rules: [] } }),
    )
    expect([operator.status, operator.body.code]).toEqual([403, 'forbidden'])
    for (const text of [`update policies set rules = '[]'`, 'delete from policies', 'truncate policies'])
      await expect(api.sql(text)).rejects.toThrow(/permission denied/)
  })

  test.each([
    ['an unknown kind', [{ name: 'a', kind: 'curfew' }], 'body.rules.0.kind'],
    ['a field that nobody knows', [{ ...keep30, minimum: 3 }], 'body.rules.0'],
    ['no bound', [{ name: 'a', kind: 'retention' }], 'body.rules.0'],
    ['suspend', [{ ...keep30, applies: { commands: ['suspend'] } }], 'body.rules.0.applies.commands.0'],
    ['one name twice', [keep30, keep30], 'body.rules'],
    [
      'a region that is not there',
      [{ name: 'a', kind: 'residency', allowed: { regions: ['mars'] } }],
      'body.rules.0.allowed.regions.0',
    ],
  ])('is refused with its place: %s', async (_, rules, path) => {
    const { status, body } = await api.unchanged(() => put(rules))
    expect([status, body.code, body.errors[0].path]).toEqual([400, 'invalid_request', path])
  })
})

describe('a command', () => {
  test('that breaks rules is denied with each of them, changes nothing, and is an event', async () => {
    const { version } = (await put([keep30, small])).body.policy
    const body = manifest({ spec: { ...short, quotas: { storageGiB: 20 } } })
    const except = ['events', 'event_streams', 'deliveries']
    const answer = await api.unchanged(() => api.call('POST', '/v1/tenants', { body }), except)
    expect([answer.status, answer.body.code]).toEqual([422, 'policy_denied'])
    expect(answer.body.facts).toEqual({
      command: 'provision',
      policyVersion: version,
      rules: ['keep-30-days', 'small-only'],
    })
    expect(answer.body.errors).toMatchObject([
      { rule: 'keep-30-days', path: 'spec.policies.retention', remedy: 'set spec.policies.retention to P30D or more' },
      { rule: 'small-only', path: 'spec.quotas.storageGiB', remedy: 'ask for an exception' },
    ])
    const [denial] = (await eventsOf('platform', 'TENANCY_DENIED')).slice(-1)
    expect(denial).toMatchObject({ command: 'provision', policyVersion: version, path: 'spec.policies.retention' })
    expect(denial.reasons.map(({ rule }: { rule: string }) => rule)).toEqual(['keep-30-days', 'small-only'])
  })

  test('keeps the version that judged it', async () => {
    const { version } = (await put([small])).body.policy
    const spec = { quotas: { storageGiB: 5 } }
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest({ spec }) })
    expect(body.operation).toMatchObject({ policyVersion: version, verdict: null })
    const { tenant } = await api.settled('failed', spec)
    await put([small, { ...keep30, minimumDays: 1 }])
    const purge = await api.call('POST', `/v1/tenants/${tenant.slug}/purge`, { body: { confirm: tenant.slug } })
    expect(purge.body.operation.policyVersion).toBe(version + 1)
  })

  test('for a tenant that is there is denied on the stream of that tenant', async () => {
    const { tenant } = await api.settled('failed', short)
    await put([{ ...keep30, applies: { commands: ['purge'] } }])
    const except = ['events', 'event_streams', 'deliveries']
    const { status, body } = await api.unchanged(
      () => api.call('POST', `/v1/tenants/${tenant.slug}/purge`, { body: { confirm: tenant.slug } }),
      except,
    )
    expect([status, body.code]).toEqual([422, 'policy_denied'])
    expect(await eventsOf(tenant.id, 'TENANCY_DENIED')).toMatchObject([
      { command: 'purge', reasons: [{ rule: 'keep-30-days' }] },
    ])
  })

  test('that goes beyond the plan is denied by the platform file, on the stream of the tenant that is there', async () => {
    const { tenant } = await api.settled('active')
    const body = manifest({ slug: tenant.slug, spec: { quotas: { storageGiB: 51 } } })
    const { status, body: answer } = await api.call('PUT', `/v1/tenants/${tenant.slug}`, { body })
    expect([status, answer.code, answer.errors[0].rule]).toEqual([422, 'policy_denied', 'platform/plan-pro'])
    expect(await eventsOf(tenant.id, 'TENANCY_DENIED')).toMatchObject([{ path: 'spec.quotas.storageGiB' }])
  })

  test('that no rule is about is accepted, whatever the tenant breaks', async () => {
    const { tenant } = await api.settled('failed', short)
    await put([keep30])
    expect(
      (await api.call('POST', `/v1/tenants/${tenant.slug}/purge`, { body: { confirm: tenant.slug } })).status,
    ).toBe(202)
  })

  test('that had ended is judged anew when it is retried', async () => {
    const { tenant, operation } = await api.settled('failed', short)
    await put([keep30])
    const retry = () => api.call('POST', `/v1/tenants/${tenant.slug}/retry`)
    expect((await retry()).body.code).toBe('policy_denied')
    const { version } = (await put([{ ...keep30, minimumDays: 7 }])).body.policy
    expect((await retry()).body.operation).toMatchObject({ id: operation.id, attempt: 2, policyVersion: version })
  })

  test('a manifest that is in force is no command, and is not judged', async () => {
    const body = manifest({ spec: short })
    expect((await api.call('POST', '/v1/tenants', { body })).status).toBe(202)
    await put([keep30])
    const { status, body: answer } = await api.call('PUT', `/v1/tenants/${body.metadata.slug}`, { body })
    expect([status, answer.changed]).toEqual([200, false])
  })
})
