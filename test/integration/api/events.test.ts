import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApi } from '../../../api/app.ts'
import { createSigner } from '../../../crypto/signing.ts'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

test('the keys that events are signed with are public, and hold nothing private', async () => {
  const { status, headers, body } = await api.call('GET', '/.well-known/freehold/keys.json', { key: null })
  expect(status).toBe(200)
  expect(headers.get('cache-control')).toContain('max-age=')
  expect(body).toEqual({ keys: [createSigner(api.deps.platformKey).publicKey] })
})

test('readiness tells what waits for delivery and why, without the name of a tenant, and is ready all the same', async () => {
  const ready = async (buses = api.deps.platform.buses) => {
    const platform = { ...api.deps.platform, buses, governance: { bus: 'b', topic: 'governance' } }
    const answer = await createApi({ ...api.deps, platform }).app.request('/readyz')
    expect(answer.status).toBe(200)
    return answer.json()
  }
  const nothing = { undelivered: 0, failing: 0, oldestSeconds: 0, worstError: null }
  const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
  await api.sql(`update deliveries set cursor = head`)
  expect(await ready()).toEqual({ registry: true, temporal: true, events: { governance: nothing, topic: nothing } })

  await api.sql(
    `insert into deliveries (stream, destination, head, attempts, error)
     values (?, 'topic/prod/1', 2, 7, 'topic_missing: topic "tenant-planted-prod" is gone')`,
    [body.tenant.id],
  )
  await api.sql(
    `update deliveries set cursor = 0, attempts = 1, error = 'unreachable: bus "b" cannot be reached' where stream = ? and destination = 'governance'`,
    [body.tenant.id],
  )
  const { events } = (await ready()) as { events: Record<string, { undelivered: number; worstError: string }> }
  expect(events['topic']).toEqual({
    undelivered: 2,
    failing: 1,
    oldestSeconds: expect.any(Number),
    worstError: 'topic_missing',
  })
  expect(events['governance']?.undelivered).toBeGreaterThan(0)
  expect(events['governance']?.worstError).toBe('unreachable: bus "b" cannot be reached')
})

test('without a governance topic readiness says so, and nothing counts as waiting for it', async () => {
  await api.call('POST', '/v1/tenants', { body: manifest() })
  const { body } = await api.call('GET', '/readyz', { key: null })
  expect(body.events.governance).toBe('not configured')
})
