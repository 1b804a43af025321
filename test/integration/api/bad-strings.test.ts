import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

const sql = `'; drop schema public cascade; --`
const path = '../../x'
const endless = 'a'.repeat(200 * 1024)
const control = 'a\u0000b'
const escape = 'a\u001b[2Jb'
const rightToLeft = 'a\u202etxt.exe'
/** What no text may hold. */
const never = [endless, control, escape, rightToLeft]
/** What a name for machines cannot be; a text for people may say it, and then it is only a text. */
const tricks = [sql, path, ...never]

/** A manifest that says this at this place; `*` is the name of a field of the caller's choice. */
function withText(place: string, text: string): object {
  const wish: Record<string, unknown> = manifest()
  const names = place.split('.')
  let at = wish
  for (const name of names.slice(0, -1)) {
    const next = { ...(at[name] as object | undefined) }
    at[name] = next
    at = next
  }
  const last = names.at(-1) ?? ''
  at[last === '*' ? text : last] = last === '*' ? 'x' : text
  return JSON.parse(JSON.stringify(wish, (_, value) => listed(value))) as object
}

/** `{ 0: x }` stands for a list of one. */
function listed(value: unknown): unknown {
  return typeof value === 'object' && value !== null && '0' in value ? Object.values(value) : value
}

describe.each([
  'apiVersion',
  'kind',
  'metadata.slug',
  'metadata.parent',
  'metadata.labels.*',
  'spec.profile',
  'spec.plan',
  'spec.region',
  'spec.environments.0.name',
  'spec.environments.0.profile',
  'spec.isolation.database',
  'spec.isolation.overrides.*',
  'spec.schema.appVersion',
  'spec.quotas.storageGiB',
  'spec.policies.residency',
  'spec.policies.retention',
  'spec.policies.encryption',
  'spec.features.*',
  'spec.settings.*',
  'spec.contacts.0.role',
  'spec.contacts.0.email',
  'spec.extensions.0.endpoint',
  'spec.*',
])('%s of a manifest', (place) => {
  test('refuses SQL, paths, endless, control and right-to-left text, says where, and changes nothing', async () => {
    await api.unchanged(async () => {
      for (const trick of tricks) {
        const { status, body, text } = await api.call('POST', '/v1/tenants', { body: withText(place, trick) })
        expect([status, body.code]).toEqual([422, 'manifest_invalid'])
        const places = body.errors.map((error: { path: string }) => error.path)
        expect(places.some((one: string) => one.startsWith(place.replace('*', '').slice(0, 60)))).toBe(true)
        expect(text.length).toBeLessThan(4_000)
      }
    })
  })
})

describe.each(['metadata.name', 'metadata.labels.note', 'spec.settings.note'])('%s of a manifest', (place) => {
  test('refuses endless, control and right-to-left text, says where, and changes nothing', async () => {
    await api.unchanged(async () => {
      for (const trick of never) {
        const { status, body, text } = await api.call('POST', '/v1/tenants', { body: withText(place, trick) })
        expect([status, body.code]).toEqual([422, 'manifest_invalid'])
        expect(body.errors).toMatchObject([{ path: place }])
        expect(text.length).toBeLessThan(2_000)
      }
    })
  })

  test.each([sql, path])('is a text for people: %s is kept to the letter and does nothing', async (trick) => {
    const before = await api.rows()
    const { status, body } = await api.call('POST', '/v1/tenants', { body: withText(place, trick) })
    expect(status).toBe(202)
    const { body: seen } = await api.call('GET', `/v1/tenants/${body.tenant.id}`)
    const kept = place.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], seen.manifest)
    expect(kept).toBe(trick)
    const after = await api.rows()
    expect(Object.keys(after)).toEqual(Object.keys(before))
    for (const table of ['tenants', 'generations', 'operations', 'placements', 'events', 'api_keys', 'tenant_keys'])
      expect(after[table]).toEqual(expect.arrayContaining(before[table] ?? []))
  })
})

describe('in a request', () => {
  const encoded = tricks.map((trick) => encodeURIComponent(trick))

  test.each([
    ['GET', ''],
    ['POST', '/purge'],
    ['GET', '/context'],
    ['GET', '/resources'],
    ['GET', '/events'],
    ['POST', '/credentials'],
    ['POST', '/retry'],
    ['POST', '/abort'],
  ])('a tenant of such a name is not found: %s …%s', async (method, rest) => {
    await api.unchanged(async () => {
      for (const text of encoded) {
        const answer = await api.call(method, `/v1/tenants/${text}${rest}`)
        expect([answer.status, answer.body.code]).toEqual([404, 'tenant_not_found'])
        expect(answer.text.length).toBeLessThan(2_000)
      }
    })
  })

  test.each(['', '/stream'])('an operation of such a name is not found: …%s', async (rest) => {
    for (const text of encoded) {
      const answer = await api.call('GET', `/v1/operations/${text}${rest}`)
      expect([answer.status, answer.body.code]).toEqual([404, 'operation_not_found'])
    }
  })

  test.each([
    '/v1/tenants?state=',
    '/v1/tenants?profile=',
    '/v1/tenants?cursor=',
    '/v1/tenants?limit=',
    '/v1/tenants?label=',
    '/v1/operations?state=',
    '/v1/operations?cursor=',
  ])('a query of such words is refused: %s', async (query) => {
    for (const text of encoded) {
      const answer = await api.call('GET', `${query}${text}`)
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
      expect(answer.text.length).toBeLessThan(2_000)
    }
  })

  test('an environment, a reason and a flag that are none are refused and change nothing', async () => {
    const { tenant } = await api.settled('active')
    await api.unchanged(async () => {
      for (const trick of tricks) await refused('credentials', { environment: trick })
      for (const trick of tricks) await refused('credentials', { rotate: trick })
      for (const trick of [sql, path, control]) await refused('retry', { [trick]: 'x' })
      for (const trick of never)
        for (const verb of ['credentials', 'retry', 'abort']) await refused(verb, { reason: trick })
    })

    async function refused(verb: string, body: object) {
      const answer = await api.call('POST', `/v1/tenants/${tenant.id}/${verb}`, { body })
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
      expect(answer.text.length).toBeLessThan(2_000)
    }
  })

  test('a reason is a text for people, kept to the letter', async () => {
    const { tenant } = await api.settled('failed')
    const { body } = await api.call('POST', `/v1/tenants/${tenant.id}/retry`, { body: { reason: `${sql} ${path}` } })
    const { body: events } = await api.call('GET', `/v1/tenants/${tenant.id}/events`)
    expect(events.items.at(-1)).toMatchObject({ operationId: body.operation.id, data: { reason: `${sql} ${path}` } })
  })

  test('a header that tries something is refused or not taken over', async () => {
    const { tenant } = await api.settled('failed')
    await api.unchanged(async () => {
      for (const trick of [sql, path, endless]) {
        const matched = await api.call('POST', `/v1/tenants/${tenant.id}/purge`, { headers: { 'If-Match': trick } })
        expect([matched.status, matched.body.code]).toEqual([400, 'invalid_request'])
        const seen = await api.call('GET', '/v1/whoami', { headers: { 'X-Correlation-ID': `${trick} ` } })
        expect(seen.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/)
      }
      for (const key of [sql, endless]) {
        const keyed = await api.call('POST', '/v1/tenants', { body: manifest(), headers: { 'Idempotency-Key': key } })
        expect([keyed.status, keyed.body.code]).toEqual([400, 'invalid_request'])
      }
    })
    const call = { body: manifest(), headers: { 'Idempotency-Key': `';drop/**/table/**/tenants;--${path}` } }
    const first = await api.call('POST', '/v1/tenants', call)
    const again = await api.call('POST', '/v1/tenants', call)
    expect([again.body.operation.id, again.headers.get('idempotency-replayed')]).toEqual([
      first.body.operation.id,
      'true',
    ])
  })
})
