import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, startFake } from './support.ts'

const secret = {
  name: 'globex-database',
  version: 2,
  updatedBy: 'key:admin',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-02T00:00:00.000Z',
  usedBy: [{ tenant: 'globex', environment: 'prod' }],
}

test('put sends what the file holds, without the line end, and shows nothing of it', async () => {
  await using fake = await startFake((_, response) => json(response, 200, { secret, created: false }))
  writeFileSync(join(fake.cwd, 'url'), 'postgresql://me:hunter2@db/x\n')
  const given = ['secrets', 'put', 'globex-database', '--file', 'url', '--reason', 'ticket 1']
  const { exitCode, stdout, stderr } = await fake.freehold(given)
  expect([exitCode, stdout]).toEqual([0, 'globex-database is stored as version 2; the one before is gone\n'])
  const { method, path, body } = fake.received.at(-1) ?? {}
  expect([method, path]).toEqual(['PUT', '/v1/secrets/globex-database'])
  expect(JSON.parse(String(body))).toEqual({ value: 'postgresql://me:hunter2@db/x', reason: 'ticket 1' })
  expect(stdout + stderr).not.toContain('hunter2')
})

test.each([
  ['missing', undefined, 'missing cannot be read'],
  ['empty', '\n', 'empty is empty'],
])('%s is refused before anything is sent', async (name, content, message) => {
  await using fake = await startFake((_, response) => json(response, 500, {}))
  if (content !== undefined) writeFileSync(join(fake.cwd, name), content)
  const { exitCode, stderr } = await fake.freehold(['secrets', 'put', 'a', '--file', name])
  expect([exitCode, fake.received]).toEqual([2, []])
  expect(stderr).toContain(`error: ${message}`)
})

test('list shows who uses a secret, and delete says that it is gone', async () => {
  await using fake = await startFake(({ method }, response) =>
    json(response, 200, method === 'GET' ? { items: [secret] } : { deleted: secret }),
  )
  const { stdout } = await fake.freehold(['secrets', 'list'])
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['NAME', 'VERSION', 'UPDATED', 'BY', 'USED BY'],
    ['globex-database', '2', '2026-01-02 00:00:00', 'key:admin', 'globex/prod'],
    [''],
  ])
  expect((await fake.freehold(['secrets', 'delete', 'globex-database'])).stdout).toBe('globex-database is deleted\n')
})

test('rotate-master-key says which key is in force and which opens nothing any more', async () => {
  const masterKey = { id: 'new-id', before: 'old-id' }
  await using fake = await startFake((_, response) => json(response, 200, { masterKey }))
  const { exitCode, stdout } = await fake.freehold(['rotate-master-key', 'globex', '--reason', 'yearly'])
  expect([exitCode, stdout]).toEqual([0, 'globex has master key new-id; old-id opens it no more\n'])
  const { method, path, body } = fake.received.at(-1) ?? {}
  expect([method, path, JSON.parse(String(body))]).toEqual([
    'POST',
    '/v1/tenants/globex/master-key',
    { reason: 'yearly' },
  ])
})
