import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Operation, Tenant } from '../../../packages/sdk/index.ts'
import { json, operation, startFake, tenant } from './support.ts'

const cause = { code: 'migration_failed', message: '9.0.0/001.sql, line 1: syntax error', step: 'prod/schema' }

/** An API in which a tenant of each slug has the given end, as its operation and in the end itself. */
function startApi(ends: Record<string, { operation: Partial<Operation>; tenant: Partial<Tenant> }>) {
  const operations = Object.entries(ends).map(([slug, end]) =>
    operation({ id: `op-${slug}`, tenant: { id: `id-${slug}`, slug }, ...end.operation }),
  )
  return startFake(({ method, path }, response) => {
    const one = operations.find(({ id, tenant: { slug } }) => path.includes(id) || path.endsWith(`/${slug}`))
    const named = one ?? operations.find(({ tenant: { id } }) => path.endsWith(id))
    if (named === undefined) return json(response, 404, { code: 'tenant_not_found', detail: path })
    const { slug } = named.tenant
    const before = { ...tenant(slug), id: named.tenant.id, state: 'provisioning' as const }
    if (method === 'PUT') return json(response, 202, { tenant: before, operation: { ...named, state: 'accepted' } })
    if (!path.endsWith('/stream')) return json(response, 200, { ...before, ...ends[slug]?.tenant })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`id: 2\nevent: operation\ndata: ${JSON.stringify(named)}\n\n`)
  })
}

test('apply --wait shows how each ended, why one failed and what to do, and ends with 1', async () => {
  await using fake = await startApi({
    good: { operation: { state: 'succeeded' }, tenant: { state: 'active' } },
    bad: { operation: { state: 'failed', error: cause }, tenant: { state: 'failed' } },
  })
  writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: bad }\n---\nmetadata: { slug: good }\n')
  const { exitCode, stdout, stderr } = await fake.freehold(['apply', '-f', 't.yaml', '--wait'])
  expect(exitCode).toBe(1)
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['TENANT', 'CHANGE', 'OUTCOME', 'TENANT IS', 'OPERATION'],
    ['bad', 'provision', 'failed', 'failed', 'op-bad'],
    ['good', 'provision', 'succeeded', 'active', 'op-good'],
    [''],
  ])
  expect(stderr).toContain('error: provision of bad failed: 9.0.0/001.sql, line 1: syntax error\n')
  expect(stderr).toContain('code: migration_failed\n  at step: prod/schema\nnext: freehold retry bad --wait')
  expect(stderr).toContain('      freehold purge bad --wait')
  expect(stderr).not.toContain('retry good')
})

test('apply --wait --output json has the end, not what was accepted', async () => {
  await using fake = await startApi({
    bad: { operation: { state: 'failed', error: cause }, tenant: { state: 'failed' } },
  })
  writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: bad }\n')
  const { exitCode, stdout } = await fake.freehold(['apply', '-f', 't.yaml', '--wait', '-o', 'json'])
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject([
    { tenant: { state: 'failed' }, operation: { state: 'failed', error: cause } },
  ])
})

test('after a timeout the table has the last state that was seen', async () => {
  await using fake = await startApi({ slow: { operation: { state: 'running' }, tenant: { state: 'provisioning' } } })
  writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: slow }\n')
  const { exitCode, stdout, stderr } = await fake.freehold(['apply', '-f', 't.yaml', '--wait', '--timeout', '3'])
  expect(exitCode).toBe(5)
  expect(stdout).toMatch(/slow +provision +running +provisioning +op-slow/)
  expect(stderr).toContain('next: freehold watch op-slow\n')
})

test.each([
  ['failed', 1, ['retry acme', 'purge acme']],
  ['aborted', 1, ['purge acme']],
  ['interrupted', 1, ['retry acme', 'abort acme']],
  ['succeeded', 0, []],
] as const)('what was applied before and is %s ends apply --wait with %i', async (state, code, advice) => {
  const kind = 'provision' as const
  const now = { ...tenant('acme'), operation: { id: operation().id, kind, state } }
  await using fake = await startFake(({ path }, response) => {
    if (!path.endsWith('/stream')) return json(response, 200, { tenant: now, operation: null, changed: false })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`id: 2\nevent: operation\ndata: ${JSON.stringify(operation({ state }))}\n\n`)
  })
  writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: acme }\n')
  const { exitCode, stderr } = await fake.freehold(['apply', '-f', 't.yaml', '--wait'])
  expect(exitCode).toBe(code)
  const offered = Array.from(stderr.matchAll(/freehold (retry acme|abort acme|purge acme)/g), ([, what]) => what)
  expect(offered).toEqual(advice)
})

test('without --wait, people are told how to see the end, and scripts are not disturbed', async () => {
  await using fake = await startApi({ one: { operation: {}, tenant: {} }, two: { operation: {}, tenant: {} } })
  writeFileSync(join(fake.cwd, '1.yaml'), 'metadata: { slug: one }\n')
  writeFileSync(join(fake.cwd, '2.yaml'), 'metadata: { slug: two }\n')
  expect((await fake.freehold(['apply', '-f', '1.yaml'])).stderr).toBe('next: freehold watch op-one\n')
  expect((await fake.freehold(['apply', '-f', '1.yaml', '-f', '2.yaml'])).stderr).toBe('next: freehold operations\n')
  expect((await fake.freehold(['apply', '-f', '1.yaml', '-o', 'json'])).stderr).toBe('')
})
