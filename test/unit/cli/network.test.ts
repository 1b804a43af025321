import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, operation, startFake, tenant } from './support.ts'

const accepted = { tenant: tenant('acme'), operation: operation({ state: 'accepted' }) }

/** A server that carries a change out once for each idempotency key, as the API does. */
function effects() {
  const made = new Set<string>()
  return { made, carryOut: (key: string | string[] | undefined) => made.add(String(key)) }
}

test.each([
  ['before the answer', (response: { destroy(): void }) => response.destroy()],
  [
    'in the middle of the answer',
    (response: { destroy(): void; write(text: string, done: () => void): void }) =>
      response.write('{"tenant":', () => response.destroy()),
  ],
])('a change cut off %s is sent once more under the same key and takes effect once', async (_, cut) => {
  const { made, carryOut } = effects()
  await using fake = await startFake(({ headers }, response) => {
    carryOut(headers['idempotency-key'])
    if (fake.received.length === 1) cut(response)
    else json(response, 202, accepted)
  })
  writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: acme }\n')
  const { exitCode, stdout } = await fake.freehold(['apply', '-f', 't.yaml'])
  expect([exitCode, fake.received.length, made.size]).toEqual([0, 2, 1])
  expect(fake.received.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
    { method: 'PUT', path: '/v1/tenants/acme', body: 'metadata: { slug: acme }\n' },
    { method: 'PUT', path: '/v1/tenants/acme', body: 'metadata: { slug: acme }\n' },
  ])
  expect(stdout).toMatch(/acme +provision +accepted/)
})

test('a change that is cut off twice is given up, and what to look at is said', async () => {
  const { made, carryOut } = effects()
  await using fake = await startFake(({ headers }, response) => {
    carryOut(headers['idempotency-key'])
    response.destroy()
  })
  const { exitCode, stderr } = await fake.freehold(['retry', 'acme'])
  expect([exitCode, fake.received.length, made.size]).toEqual([4, 2, 1])
  expect(stderr).toContain('see with `freehold operations` whether it arrived')
})

test('when the first sending is still being answered, the same call is repeated until it is', async () => {
  await using fake = await startFake((_, response) => {
    if (fake.received.length === 1) response.destroy()
    else if (fake.received.length === 2) json(response, 409, { code: 'idempotency_in_progress', detail: 'wait' })
    else json(response, 202, { operation: operation({ state: 'accepted' }) })
  })
  const { exitCode } = await fake.freehold(['retry', 'acme'])
  expect(exitCode).toBe(0)
  expect(new Set(fake.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  expect(fake.received.length).toBe(3)
})

test('a question cut off is asked once more', async () => {
  await using fake = await startFake((_, response) => {
    if (fake.received.length === 1) response.destroy()
    else json(response, 200, { items: [], nextCursor: null })
  })
  expect(await fake.freehold(['list'])).toMatchObject({ exitCode: 0, stdout: 'no tenants\n' })
})

test.each([429, 503])(
  'a %i with Retry-After is waited for, under the same key, and people are told',
  async (status) => {
    await using fake = await startFake((_, response) => {
      if (fake.received.length < 3) response.setHeader('retry-after', '0')
      if (fake.received.length < 3) json(response, status, { code: 'not_ready', detail: 'busy' })
      else json(response, 202, { operation: operation({ state: 'accepted' }) })
    })
    const { exitCode, stderr } = await fake.freehold(['retry', 'acme'])
    expect([exitCode, fake.received.length]).toEqual([0, 3])
    expect(new Set(fake.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(stderr).toContain(`the API is busy (${status}); trying again in 0 s`)
  },
)

test.each([
  ['it never ends', '0', 4],
  ['the pause is long', '3600', 1],
  ['the pause has no sense', 'soon', 1],
])('an API that stays busy is given up: %s', async (_, pause, requests) => {
  await using fake = await startFake((__, response) => {
    response.setHeader('retry-after', pause)
    json(response, 503, { code: 'not_ready', detail: 'busy' })
  })
  const { exitCode, stderr } = await fake.freehold(['list'])
  expect([exitCode, fake.received.length]).toEqual([4, requests])
  expect(stderr).toContain('error: busy\ncode: not_ready\nnext: try again in a moment\n')
})

test('a refusal is final: it is not sent again', async () => {
  await using fake = await startFake((_, response) => json(response, 409, { code: 'slug_taken', detail: 'taken' }))
  expect((await fake.freehold(['retry', 'acme'])).exitCode).toBe(3)
  expect(fake.received.length).toBe(1)
})

test('another server at the address is told as such', async () => {
  await using fake = await startFake(({ path }, response) => {
    response.writeHead(path.endsWith('/none') ? 404 : 200, { 'content-type': 'text/html' }).end('<html></html>')
  })
  const page = await fake.freehold(['list'])
  expect([page.exitCode, page.stderr.includes('is not the Freehold API')]).toEqual([4, true])
  const missing = await fake.freehold(['get', 'none'])
  expect([missing.exitCode, missing.stderr.includes('check FREEHOLD_URL')]).toEqual([3, true])
})

test('an address with a password is refused and not shown', async () => {
  await using fake = await startFake((_, response) => response.destroy())
  const env = { FREEHOLD_API_KEY: 'fh_test', FREEHOLD_URL: 'http://user:hidden@127.0.0.1:7070' }
  const { exitCode, stderr } = await fake.freehold(['list'], env)
  expect([exitCode, stderr.includes('hidden')]).toEqual([2, false])
})
