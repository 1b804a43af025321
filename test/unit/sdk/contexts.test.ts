import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { exampleContext } from '../../../api/examples.ts'
import { createTenantContexts } from '../../../packages/sdk/index.ts'
import { json, startFakeApi } from './fake-api.ts'

const apiKey = 'fh_test'

test('many ask once; later the API only confirms that nothing changed', async () => {
  await using api = await startFakeApi(({ headers }, response) => {
    if (headers['if-none-match'] === '"one"') return response.writeHead(304).end()
    response.setHeader('etag', '"one"')
    json(response, 200, exampleContext)
  })
  const contexts = createTenantContexts({ url: api.url, apiKey, freshMs: 100 })
  const all = await Promise.all(Array.from({ length: 50 }, () => contexts.read('acme', 'prod')))
  expect(new Set(all).size).toBe(1)
  expect(all[0]).toEqual(exampleContext)
  expect(api.received.map(({ path }) => path)).toEqual(['/v1/tenants/acme/context?environment=prod'])
  await sleep(150)
  expect(await contexts.read('acme', 'prod')).toBe(all[0])
  await contexts.read('acme', 'test')
  expect(api.received.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"', undefined])
})

test('a refusal is thrown, counts for as long as a context, and an old context is never given instead', async () => {
  let isGone = false
  await using api = await startFakeApi((_, response) => {
    if (isGone) json(response, 410, { code: 'tenant_gone', detail: 'purged' })
    else json(response, 200, exampleContext)
  })
  const contexts = createTenantContexts({ url: api.url, apiKey, freshMs: 100 })
  await contexts.read('acme', 'prod')
  isGone = true
  await sleep(150)
  for (let asked = 0; asked < 5; asked += 1)
    await expect(contexts.read('acme', 'prod')).rejects.toMatchObject({ code: 'tenant_gone' })
  expect(api.received).toHaveLength(2)
  isGone = false
  await sleep(150)
  expect(await contexts.read('acme', 'prod')).toEqual(exampleContext)
})

test.each([
  ['another version', { ...exampleContext, version: 2 }],
  ['no quotas', { ...exampleContext, quotas: {} }],
  ['nothing of a context', {}],
])('a document with %s is no context: what it allows is not guessed', async (_, document) => {
  await using api = await startFakeApi((__, response) => json(response, 200, document))
  const contexts = createTenantContexts({ url: api.url, apiKey })
  await expect(contexts.read('acme', 'prod')).rejects.toMatchObject({ reason: 'not-freehold' })
})

test('nobody is kept waiting: one sending, even when the API asks for a pause', async () => {
  await using api = await startFakeApi((_, response) => {
    response.setHeader('retry-after', '1')
    json(response, 503, { code: 'not_ready', detail: 'busy' })
  })
  const contexts = createTenantContexts({ url: api.url, apiKey })
  await expect(contexts.read('acme', 'prod')).rejects.toMatchObject({ code: 'not_ready' })
  expect(api.received).toHaveLength(1)
})
