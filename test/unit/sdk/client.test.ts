import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ApiError, ArgumentError, createClient, NoAnswerError, transitions } from '../../../packages/sdk/index.ts'
import { json, operation, startFakeApi, tenant } from './fake-api.ts'

const apiKey = 'fh_test'
const caught = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error)

test('a refusal has all that its problem document says', async () => {
  const problem = {
    code: 'operation_in_progress',
    detail: 'operation 1 holds tenant acme',
    retry: true,
    instance: 'c-1',
    errors: [{ path: 'spec.plan', message: 'no' }],
    facts: { operationId: '1' },
  }
  await using api = await startFakeApi((_, response) => json(response, 409, problem))
  const error = await caught(createClient({ url: api.url, apiKey }).getTenant('acme'))
  expect(error).toBeInstanceOf(ApiError)
  expect(error).toMatchObject({ ...problem, status: 409, path: '/v1/tenants/acme' })
  expect(String(error)).toContain(problem.detail)
})

test('a change has an idempotency key of its own or the one that is given, a generation, and a reason', async () => {
  await using api = await startFakeApi((_, response) => json(response, 202, { operation: operation() }))
  const client = createClient({ url: `${api.url}/`, apiKey })
  for (const { command } of transitions) {
    expect(await client.transition('acme', command)).toEqual(operation())
    await client.transition('acme', command, { reason: 'why', ifMatch: 3, idempotencyKey: 'once' })
  }
  expect(api.received.map(({ method, path, body }) => [method, path, body])).toEqual(
    transitions.flatMap(({ command }) => [
      ['POST', `/v1/tenants/acme/${command}`, '{}'],
      ['POST', `/v1/tenants/acme/${command}`, '{"reason":"why"}'],
    ]),
  )
  const keys = api.received.map(({ headers }) => [headers['idempotency-key'], headers['if-match']])
  expect(keys.filter(([key]) => key === 'once')).toEqual(transitions.map(() => ['once', '"3"']))
  expect(new Set(keys.map(([key]) => key)).size).toBe(transitions.length + 1)
})

test('commands to a move are guarded as every change is', async () => {
  await using api = await startFakeApi((_, response) => json(response, 202, { operation: operation() }))
  const client = createClient({ url: api.url, apiKey })
  const change = { reason: 'why', ifMatch: 3, idempotencyKey: 'once' }
  await client.relocateTenant('acme', { profile: 'st-dedicated', ...change })
  await client.approveRelocation('acme', 'r-1', change)
  await client.completeRelocation('acme', 'r-1')
  const moves = '/v1/tenants/acme/relocations'
  expect(api.received.map(({ path, body }) => [path, body])).toEqual([
    [moves, '{"target":{"profile":"st-dedicated"},"reason":"why"}'],
    [`${moves}/r-1/approve`, '{"reason":"why"}'],
    [`${moves}/r-1/complete`, '{}'],
  ])
  expect(api.received.map(({ headers }) => headers['if-match'])).toEqual(['"3"', '"3"', undefined])
  expect(api.received.map(({ headers }) => headers['idempotency-key']).slice(0, 2)).toEqual(['once', 'once'])
})

test('what has no method goes by `api`, sent as everything else', async () => {
  await using api = await startFakeApi((_, response) => {
    if (api.received.length === 1) response.destroy()
    else json(response, 202, { operation: operation() })
  })
  const { data } = await createClient({ url: api.url, apiKey }).api.POST('/v1/tenants/{idOrSlug}/retry', {
    params: { path: { idOrSlug: 'acme' } },
  })
  expect(data).toEqual({ operation: operation() })
  expect(new Set(api.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  expect(api.received).toMatchObject([{ headers: { authorization: `Bearer ${apiKey}` } }, { method: 'POST' }])
})

test('a manifest goes as JSON, or as the text that it is', async () => {
  const accepted = { tenant: tenant('acme'), operation: operation(), changed: true }
  await using api = await startFakeApi((_, response) => json(response, 202, accepted))
  const client = createClient({ url: api.url, apiKey })
  const manifest = {
    apiVersion: 'freehold.dev/v1alpha1' as const,
    kind: 'Tenant' as const,
    metadata: { slug: 'acme', name: 'Acme' },
    spec: { plan: 'pro', region: 'eu-north' },
  }
  expect(await client.createTenant(manifest)).toEqual(accepted)
  expect(await client.applyTenant('acme', { text: '# mine\nkind: Tenant\n', type: 'application/yaml' })).toEqual(
    accepted,
  )
  expect(api.received.map(({ method, path, headers, body }) => [method, path, headers['content-type'], body])).toEqual([
    ['POST', '/v1/tenants', 'application/json', JSON.stringify(manifest)],
    ['PUT', '/v1/tenants/acme', 'application/yaml', '# mine\nkind: Tenant\n'],
  ])
})

test('a list goes over its pages, and says whether there is more than was asked for', async () => {
  await using api = await startFakeApi(({ path }, response) => {
    const size = Number(new URL(path, 'http://fake').searchParams.get('limit'))
    const items = Array.from({ length: size }, () => tenant('acme'))
    json(response, 200, { items, nextCursor: 'next' })
  })
  const { items, more } = await createClient({ url: api.url, apiKey }).listTenants({ state: 'active', limit: 250 })
  expect([items.length, more]).toEqual([250, true])
  expect(api.received.map(({ path }) => path)).toEqual([
    '/v1/tenants?state=active&limit=200',
    '/v1/tenants?state=active&limit=50&cursor=next',
  ])
})

test('a file of a key is read for each request', async () => {
  await using api = await startFakeApi((_, response) => json(response, 200, operation()))
  const folder = mkdtempSync(join(tmpdir(), 'freehold-sdk-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const apiKeyFile = join(folder, 'key')
  const client = createClient({ url: api.url, apiKeyFile })
  for (const key of ['fh_one', 'fh_two']) {
    writeFileSync(apiKeyFile, `${key}\n`)
    await client.getOperation('1')
  }
  expect(api.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer fh_one', 'Bearer fh_two'])
  rmSync(apiKeyFile)
  expect(await caught(client.getOperation('1'))).toBeInstanceOf(ArgumentError)
})

test('what can never be sent is not sent, and no key is shown', async () => {
  await using api = await startFakeApi((_, response) => json(response, 200, operation()))
  const { url } = api
  expect(() => createClient({ url: 'ftp://127.0.0.1', apiKey })).toThrow(ArgumentError)
  expect(() => createClient({ url: url.replace('//', '//user:hidden@'), apiKey })).toThrow(/^(?!.*hidden)/)
  for (const name of ['', '.', '..'])
    expect(await caught(createClient({ url, apiKey }).getTenant(name))).toBeInstanceOf(ArgumentError)
  const error = await caught(createClient({ url, apiKey: 'fh_two\nlines' }).getTenant('acme'))
  expect(error).toBeInstanceOf(ArgumentError)
  expect(String(error)).not.toContain('fh_')
  expect(api.received).toEqual([])
  await createClient({ url, apiKey }).getTenant('a/../b')
  expect(api.received.map(({ path }) => path)).toEqual(['/v1/tenants/a%2F..%2Fb'])
})

test('no answer in time is told apart from no answer at all, and from an answer of somebody else', async () => {
  await using silent = await startFakeApi(() => {})
  const slow = createClient({ url: silent.url, apiKey, timeoutMs: 50 })
  expect(await caught(slow.getTenant('acme'))).toMatchObject({ reason: 'timeout', mayHaveArrived: false })
  expect(await caught(slow.transition('acme', 'retry'))).toMatchObject({ reason: 'timeout', mayHaveArrived: true })
  const gone = await startFakeApi(() => {})
  await gone[Symbol.asyncDispose]()
  const unreachable = createClient({ url: gone.url, apiKey })
  expect(await caught(unreachable.transition('acme', 'retry'))).toMatchObject({
    reason: 'unreachable',
    mayHaveArrived: false,
  })
  await using broken = await startFakeApi((_, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"half'),
  )
  const error = await caught(createClient({ url: broken.url, apiKey }).getTenant('acme'))
  expect(error).toBeInstanceOf(NoAnswerError)
  expect(error).toMatchObject({ reason: 'not-freehold' })
})

test('who wants no second sending gets none', async () => {
  await using api = await startFakeApi((_, response) => response.destroy())
  const client = createClient({ url: api.url, apiKey, resend: 'never' })
  expect(await caught(client.getTenant('acme'))).toMatchObject({ reason: 'unreachable' })
  expect(api.received).toHaveLength(1)
})
