import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
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

test('If-Match: * lets a manifest change what is there and make nothing new', async () => {
  const wish = manifest()
  const put = () => api.call('PUT', `/v1/tenants/${wish.metadata.slug}`, { body: wish, headers: { 'If-Match': '*' } })
  const refused = await api.unchanged(put)
  expect([refused.status, refused.body.code]).toEqual([412, 'generation_mismatch'])
  expect((await api.call('POST', '/v1/tenants', { body: wish })).status).toBe(202)
  expect((await put()).status).toBe(200)
})

test('If-Match guards every change of a tenant that exists', async () => {
  const { tenant } = await api.settled('failed')
  const refused = async (ifMatch: string) =>
    (await api.call('POST', `/v1/tenants/${tenant.slug}/purge`, { headers: { 'If-Match': ifMatch } })).body.code
  expect(await refused('"2"')).toBe('generation_mismatch')
  expect(await refused('2')).toBe('invalid_request')
  const { headers } = await api.call('GET', `/v1/tenants/${tenant.slug}`)
  expect(headers.get('etag')).toBe('"1"')
  const purge = await api.call('POST', `/v1/tenants/${tenant.slug}/purge`, {
    headers: { 'If-Match': '"1"' },
    body: { reason: 'wrong region', confirm: tenant.slug },
  })
  expect(purge.body.operation).toMatchObject({ kind: 'purge', reason: 'wrong region', state: 'accepted' })
})
