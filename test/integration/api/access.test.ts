import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApiKey } from '../../../registry/api-keys.ts'
import { openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

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
    const next = await createApiKey(api.orm.em.fork(), 'leaver', 'platform-operator')
    expect((await api.call('GET', '/v1/whoami', { key: next })).status).toBe(200)
    expect((await api.call('GET', '/v1/whoami', { key })).status).toBe(401)
  })

  test('an auditor reads and does not write, nor sees credentials', async () => {
    const { tenant } = await api.settled('active')
    const key = api.keys.auditor
    expect((await api.call('GET', `/v1/tenants/${tenant.slug}`, { key })).status).toBe(200)
    const writes = [
      ['POST', '/v1/tenants'],
      ['POST', `/v1/tenants/${tenant.slug}/credentials`],
      ['POST', `/v1/tenants/${tenant.slug}/purge`],
    ] as const
    for (const [method, path] of writes)
      expect((await api.call(method, path, { key, body: {} })).body.code).toBe('forbidden')
  })

  test.each([
    '/healthz',
    '/readyz',
    '/metrics',
    '/openapi.json',
    '/schemas/tenant-v1alpha1.json',
    '/docs',
    '/.well-known/freehold/keys.json',
  ])('%s needs no key', async (path) => {
    expect((await api.call('GET', path, { key: null })).status).toBe(200)
  })
})
