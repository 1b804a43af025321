import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, startFake, tenant } from './support.ts'

test('wrong arguments are 2 and told on standard error; help is 0 and lists the codes', async () => {
  await using fake = await startFake((_, response) => json(response, 200, {}))
  const wrong = await fake.freehold(['lits'])
  expect([wrong.exitCode, wrong.stdout]).toEqual([2, ''])
  expect(wrong.stderr).toContain('Did you mean list?')
  expect((await fake.freehold(['list', '--output', 'xml'])).exitCode).toBe(2)
  expect((await fake.freehold(['list', '--limit', '0'])).exitCode).toBe(2)
  expect((await fake.freehold(['get', '..'])).exitCode).toBe(2)
  const help = await fake.freehold(['--help'])
  expect(help.exitCode).toBe(0)
  expect(help.stdout).toContain('3  the API refused the request')
  expect(fake.received).toEqual([])
})

test('a refusal is 3 with its code and what to do, a failing server is 4', async () => {
  await using fake = await startFake(({ path }, response) => {
    if (path.endsWith('/busy')) json(response, 503, { code: 'not_ready', detail: 'the registry is starting' })
    else json(response, 404, { code: 'tenant_not_found', detail: 'no tenant none' })
  })
  const refused = await fake.freehold(['get', 'none'])
  expect(refused.exitCode).toBe(3)
  expect(refused.stderr).toBe(
    'error: no tenant none\ncode: tenant_not_found\nnext: see which there are: freehold list\n',
  )
  expect((await fake.freehold(['get', 'busy'])).exitCode).toBe(4)
})

test('no key and no server are 4, and no key is ever shown', async () => {
  await using fake = await startFake((_, response) => response.destroy())
  const keyless = await fake.freehold(['list'], {})
  expect(keyless.exitCode).toBe(4)
  expect(keyless.stderr).toContain('FREEHOLD_API_KEY')
  const cut = await fake.freehold(['list'])
  expect(cut.exitCode).toBe(4)
  expect(cut.stderr).toContain('not reachable')
  const broken = await fake.freehold(['list'], { FREEHOLD_API_KEY: 'fh_two\nlines' })
  expect(broken.exitCode).toBe(4)
  for (const { stderr } of [keyless, broken]) expect(stderr).toContain('\ncode: no_key\n')
  expect(cut.stderr).toContain('\ncode: unreachable\n')
  expect(cut.stderr + broken.stderr).not.toContain('fh_')
})

test('the key file of the clone is found from below', async () => {
  await using fake = await startFake((_, response) => json(response, 200, { items: [], nextCursor: null }))
  mkdirSync(join(fake.cwd, '.freehold'))
  writeFileSync(join(fake.cwd, '.freehold/admin.key'), 'fh_file\n')
  expect((await fake.freehold(['list'], {})).stdout).toBe('no tenants\n')
  expect(fake.received[0]?.headers.authorization).toBe('Bearer fh_file')
})

test.each(['unauthenticated', 'forbidden'])('a key that is refused (%s) is told by where it is from', async (code) => {
  await using fake = await startFake((_, response) => json(response, 401, { code, detail: 'no' }))
  mkdirSync(join(fake.cwd, '.freehold'))
  for (const name of ['.freehold/admin.key', 'other.key']) writeFileSync(join(fake.cwd, name), 'fh_file\n')
  const told = async (env: Record<string, string>) => (await fake.freehold(['list'], env)).stderr
  const answers = [
    await told({ FREEHOLD_API_KEY: 'fh_env' }),
    await told({ FREEHOLD_API_KEY_FILE: 'other.key' }),
    await told({}),
  ]
  const sources = answers.map((text) => /the key was taken from (.*)/.exec(text)?.[1])
  expect(sources).toEqual([
    'the environment variable FREEHOLD_API_KEY',
    `${join(fake.cwd, 'other.key')} (FREEHOLD_API_KEY_FILE)`,
    join(fake.cwd, '.freehold/admin.key'),
  ])
  expect(answers.join('')).not.toContain('fh_')
})

test('a list that is empty says whether something was asked for', async () => {
  await using fake = await startFake((_, response) => json(response, 200, { items: [], nextCursor: null }))
  const told = async (...args: string[]) => (await fake.freehold(args)).stdout
  expect(await told('list', '--limit', '3')).toBe('no tenants\n')
  expect(await told('list', '--label', 'a=b')).toBe('no tenant matches\n')
  expect(await told('operations')).toBe('no operations\n')
  expect(await told('operations', '--state', 'failed')).toBe('no operation matches\n')
})

test('list walks all pages with its filters, and hides control characters from the terminal', async () => {
  await using fake = await startFake(({ path }, response) => {
    const second = path.includes('cursor=next')
    json(response, 200, { items: [tenant(second ? 'b\u001b[2J' : 'a')], nextCursor: second ? null : 'next' })
  })
  const { stdout } = await fake.freehold(['list', '--label', 'a=b', '--label', 'c=d', '--state', 'active'])
  const asked = new URL(fake.received[1]?.path ?? '', 'http://fake').searchParams
  expect([asked.getAll('label'), asked.get('state'), asked.get('cursor')]).toEqual([['a=b', 'c=d'], 'active', 'next'])
  expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['TENANT', 'a', 'b\\u001b[2J', ''])
})
