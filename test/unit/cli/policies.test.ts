import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { json, startFake } from './support.ts'

const rules = [{ name: 'keep-30-days', kind: 'retention', minimumDays: 30 }]
const policy = { version: 2, rules, actor: 'key:admin', reason: null, createdAt: '2026-01-01T00:00:00.000Z' }

test('what get writes is a file that apply takes, and the version it came from may be asked for', async () => {
  await using fake = await startFake(({ method }, response) =>
    json(response, 200, method === 'GET' ? policy : { policy: { ...policy, version: 3 }, changed: true }),
  )
  const got = await fake.freehold(['policies', 'get', '--at', '2', '--output', 'yaml'])
  expect(fake.received.at(-1)?.path).toBe('/v1/policies?version=2')
  expect(parse(got.stdout)).toEqual(policy)
  writeFileSync(join(fake.cwd, 'rules.yaml'), got.stdout)
  const given = ['policies', 'apply', '-f', 'rules.yaml', '--if-version', '2', '--reason', 'ticket 1']
  const { exitCode, stdout } = await fake.freehold(given)
  expect([exitCode, stdout]).toEqual([0, 'version 3 is in force, with 1 rules\n'])
  const { headers, body } = fake.received.at(-1) ?? {}
  expect([headers?.['if-match'], JSON.parse(String(body))]).toEqual(['"2"', { rules, reason: 'ticket 1' }])
})

test('rules are shown as a table, and none as such', async () => {
  let shown: object = policy
  await using fake = await startFake((_, response) => json(response, 200, shown))
  const { stdout } = await fake.freehold(['policies', 'get'])
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['version 2, by key:admin at 2026-01-01 00:00:00'],
    ['RULE', 'KIND', 'COMMANDS', 'SAYS'],
    ['keep-30-days', 'retention', '(default)', '{"minimumDays":30}'],
    [''],
  ])
  shown = { version: 0, rules: [], actor: null, reason: null, createdAt: null }
  expect((await fake.freehold(['policies', 'get'])).stdout).toBe('version 0: no rules\n')
})

test.each([
  ['missing.yaml', undefined, 'missing.yaml cannot be read'],
  ['list.yaml', '- name: a\n', 'list.yaml holds no list `rules`'],
  ['broken.yaml', 'rules: [\n', 'broken.yaml: '],
])('%s is refused before anything is sent', async (name, content, message) => {
  await using fake = await startFake((_, response) => json(response, 500, {}))
  if (content !== undefined) writeFileSync(join(fake.cwd, name), content)
  const { exitCode, stderr } = await fake.freehold(['policies', 'apply', '-f', name])
  expect([exitCode, fake.received]).toEqual([2, []])
  expect(stderr).toContain(`error: ${message}`)
  expect(stderr).toContain('next: a file of rules begins with `rules:`')
})

test('a denial shows each rule with its place and remedy', async () => {
  const message = 'retention of 7 days is below the minimum of 30 (rule keep-30-days; set it to P30D)'
  await using fake = await startFake((_, response) =>
    json(response, 422, {
      code: 'policy_denied',
      detail: `provision is denied by 1 rule: spec.policies.retention: ${message}`,
      status: 422,
      retry: false,
      errors: [{ path: 'spec.policies.retention', message, rule: 'keep-30-days', remedy: 'set it to P30D' }],
    }),
  )
  const { exitCode, stderr } = await fake.freehold(['purge', 'acme', '--confirm', 'acme'])
  expect(exitCode).toBe(3)
  expect(stderr).toContain(`spec.policies.retention: ${message}`)
  expect(stderr).toContain('code: policy_denied')
})
