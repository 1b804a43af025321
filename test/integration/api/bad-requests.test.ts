import { afterAll, beforeAll, expect, test } from 'vitest'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

test.each([
  ['GET', '/v1/tenants?cursor=nonsense', 400, 'invalid_request'],
  ['GET', '/v1/tenants?cursor=%00', 400, 'invalid_request'],
  ['GET', '/v1/tenants?limit=0', 400, 'invalid_request'],
  ['GET', '/v1/tenants?limit=201', 400, 'invalid_request'],
  ['GET', '/v1/tenants?state=happy', 400, 'invalid_request'],
  ['GET', '/v1/tenants?label=nothing', 400, 'invalid_request'],
  ['GET', '/v1/tenants?label=a=%00', 400, 'invalid_request'],
  ['GET', '/v1/tenants?stat=failed', 400, 'invalid_request'],
  ['GET', '/v1/operations?kind=purge', 400, 'invalid_request'],
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
  const { body, headers, ...answer } = await api.unchanged(() => api.call(method, path))
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

test('a query parameter that nobody knows is refused by its name', async () => {
  const ofTenant = ['events', 'resources', 'context'].map((what) => `/v1/tenants/nobody/${what}`)
  for (const path of ['/v1/tenants', '/v1/operations', ...ofTenant]) {
    const { status, body } = await api.call('GET', `${path}?stat=failed`)
    expect([status, body.code, body.detail]).toEqual([400, 'invalid_request', 'query: Unrecognized key: "stat"'])
  }
})

test('a method that a path does not have is told with those that it has', async () => {
  const allowed = async (method: string, path: string) => (await api.call(method, path)).headers.get('allow')
  expect(await allowed('PATCH', '/v1/tenants')).toBe('GET, HEAD, POST')
  expect(await allowed('DELETE', '/v1/operations/1/stream')).toBe('GET, HEAD')
  expect(await allowed('POST', '/healthz')).toBe('GET, HEAD')
  const { status } = await api.call('PATCH', '/v1/tenants', { key: null })
  expect(status).toBe(401)
})

test('a name of 200 kB is no tenant, and is not sent back', async () => {
  const { status, text } = await api.call('GET', `/v1/tenants/${'a'.repeat(200_000)}`)
  expect(status).toBe(404)
  expect(text.length).toBeLessThan(2_000)
})

test('an error nobody foresaw tells the caller nothing of itself', async () => {
  const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
  await api.sql(`update tenants set labels = '[]' where id = ?`, [body.tenant.id])
  await api.sql(`delete from generations where tenant_id = ?`, [body.tenant.id])
  const answer = await api.call('GET', `/v1/tenants/${body.tenant.id}`)
  expect([answer.status, answer.body.code, answer.body.retry]).toEqual([500, 'internal', true])
  expect(answer.text).not.toMatch(/Generation|select|at /)
  expect(api.lines.join('')).toContain(answer.body.instance)
})
