import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { json, operation, relocation, startFake, tenant } from './support.ts'

/** What answers may be no API of ours: it takes over no terminal, fills no memory, and ends no program unheard. */
const evil = '\u001b]0;x\u0007\u009b31m\u202eevil'
// oxlint-disable-next-line no-control-regex
const treacherous = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/
const problem = { code: evil, detail: evil, errors: [{ path: evil, message: evil }], instance: evil }

test.each([
  [['list'], 400, problem],
  [['list'], 500, problem],
  [['get', 'acme'], 200, { ...tenant('acme'), slug: evil }],
  [['get', 'acme', '--output', 'json'], 200, { ...tenant('acme'), slug: evil }],
  [['context', 'acme'], 200, { note: evil }],
  [['export', 'acme'], 200, { note: evil }],
  [['diff', 'acme'], 200, { tenant: { id: evil, slug: evil }, generation: 1, drift: [] }],
  [['secrets', 'delete', 'a-b'], 200, { deleted: { name: evil } }],
  [['hold', 'set', 'acme', '--reason', 'x'], 200, { tenant: tenant(evil) }],
  [['relocate', 'status', 'acme'], 200, { items: [relocation({ phase: evil, profile: evil })], ...operation() }],
  [['relocate', 'acme', '--to', 'x'], 200, { relocation: relocation({ environment: evil }), operation: operation() }],
  [['policies', 'get'], 200, { version: evil, rules: [{ name: evil }] }],
  [['operations'], 200, { items: [operation({ phase: evil, reason: evil })], nextCursor: null }],
])('%j shows what it is told without what takes a terminal over (%i)', async (args, status, body) => {
  await using fake = await startFake((_, response) => json(response, status, body))
  const { stdout, stderr } = await fake.freehold(args)
  expect(stdout + stderr).toContain('evil')
  expect(stdout + stderr).not.toMatch(treacherous)
})

test('what is no JSON in a stream, and the hint that there is more, take no terminal over', async () => {
  await using fake = await startFake(({ path }, response) => {
    if (path.startsWith('/v1/audit')) return json(response, 200, { items: [{ time: evil }], nextCursor: 'more' })
    if (!path.includes('stream')) return json(response, 200, { ...tenant('acme'), items: [operation()] })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`id: 1\nevent: operation\ndata: ${evil}\n\n`)
  })
  for (const args of [
    ['watch', 'acme'],
    ['audit', 'list', '--limit', '1'],
  ]) {
    const { stdout, stderr } = await fake.freehold(args)
    expect(stderr).toContain('\\u001b')
    expect(stdout + stderr).not.toMatch(treacherous)
  }
})

test('in JSON it is the same text', async () => {
  const body = { ...tenant('acme'), slug: evil }
  await using fake = await startFake((_, response) => json(response, 200, body))
  const { stdout } = await fake.freehold(['get', 'acme', '--output', 'json'])
  expect(JSON.parse(stdout)).toEqual(body)
})

test('a problem that is none is a refusal all the same', async () => {
  await using fake = await startFake((_, response) =>
    json(response, 400, { code: 5, detail: { a: 1 }, errors: [null, 'x', { path: 1, message: 'x' }], instance: [] }),
  )
  expect(await fake.freehold(['list'])).toEqual({
    exitCode: 3,
    stdout: '',
    stderr: expect.stringMatching(/^error: the API answered 400\ncode: http_400\nnext: /) as string,
  })
})

test('an answer that unpacks to more than there can be is given up', async () => {
  const packed = gzipSync(Buffer.alloc(128 * 1024 * 1024, ' '))
  await using fake = await startFake((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(packed)
  })
  const { exitCode, stderr } = await fake.freehold(['list'])
  expect([exitCode, stderr]).toEqual([4, expect.stringContaining('it does not end')])
})
