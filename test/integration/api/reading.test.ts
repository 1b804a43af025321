import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
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
    const { tenant } = await api.settled('active')
    const byId = await api.call('GET', `/v1/tenants/${tenant.id}`)
    expect(byId.body.manifest.spec).toMatchObject({ environments: [{ name: 'prod' }], schema: { appVersion: '1.4.0' } })
    expect((await api.call('GET', `/v1/tenants/${tenant.slug}`)).body).toEqual(byId.body)
    expect((await api.call('GET', `/v1/tenants/${tenant.id}/resources`)).body).toEqual({ items: [] })
  })

  test('a purged tenant is gone, its events are not', async () => {
    const { tenant } = await api.settled('failed')
    await api.sql(`update tenants set state = 'purged' where id = ?`, [tenant.id])
    expect((await api.call('GET', `/v1/tenants/${tenant.id}`)).status).toBe(410)
    expect((await api.call('GET', `/v1/tenants/${tenant.slug}`)).status).toBe(404)
    expect((await api.call('GET', `/v1/tenants/${tenant.id}/events`)).body.items).toHaveLength(3)
  })

  test('the context has an ETag that changes with what it says', async () => {
    const { tenant } = await api.settled('active')
    const path = `/v1/tenants/${tenant.slug}/context`
    const first = await api.call('GET', `${path}?environment=prod`)
    expect(first.body).toMatchObject({ version: 1, tenantId: tenant.id, environment: 'prod', epoch: 1 })
    const etag = first.headers.get('etag') ?? ''
    const headers = { 'If-None-Match': etag, 'X-Correlation-ID': 'again' }
    const same = await api.call('GET', path, { headers })
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag])
    expect(same.headers.get('x-correlation-id')).toBe('again')
    expect(same.headers.get('cache-control')).toBe('private, no-cache')
    for (const tags of [`"other", W/${etag}`, '*'])
      expect((await api.call('GET', path, { headers: { 'If-None-Match': tags } })).status).toBe(304)
    await api.sql('update placements set epoch = 2 where tenant_id = ?', [tenant.id])
    const changed = await api.call('GET', path, { headers })
    expect([changed.status, changed.body.epoch]).toEqual([200, 2])
    expect((await api.call('GET', `${path}?environment=nope`)).body.code).toBe('environment_not_found')
  })
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
