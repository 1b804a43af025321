import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

test('a request is one line in the log, with the template of its path and no key', async () => {
  const { tenant } = await api.settled('active')
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
