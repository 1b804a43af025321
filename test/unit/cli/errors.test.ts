import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CliError, reportError } from '../../../packages/cli/failures.ts'
import { json, startFake } from './support.ts'

function reported(message: string, details: { path?: string; message: string; line?: number; column?: number }[]) {
  let text = ''
  reportError(new CliError(3, message, { details }), { write: (part) => (text += part) }, 't.yaml')
  return text
}

test('an error that leads to its first detail, or is nothing else, is not told twice', () => {
  const unknown = { path: 'spec.plann', message: 'unknown field', line: 7, column: 3 }
  const missing = { path: 'spec.plan', message: 'is missing', line: 6, column: 3 }
  expect(
    reported('the manifest has 2 errors: spec.plann, line 7, column 3: unknown field (and 1 more)', [unknown, missing]),
  ).toBe(
    'error: t.yaml: the manifest has 2 errors\ncode: refused\n  t.yaml:7:3: spec.plann: unknown field\n  t.yaml:6:3: spec.plan: is missing\n',
  )
  const syntax = { message: 'a ] is missing', line: 2, column: 1 }
  expect(reported('it is not well-formed: line 2, column 1: a ] is missing', [syntax])).toBe(
    'error: t.yaml: it is not well-formed\ncode: refused\n  t.yaml:2:1: a ] is missing\n',
  )
  expect(reported('no plan "x"', [{ path: 'spec.plan', message: 'no plan "x"' }])).toBe(
    'error: t.yaml: spec.plan: no plan "x"\ncode: refused\n',
  )
  expect(reported('query.state: is none', [{ path: 'query.state', message: 'is none' }])).toBe(
    'error: t.yaml: query.state: is none\ncode: refused\n',
  )
  expect(reported('the slugs differ', [{ path: 'metadata.slug', message: 'is "a"' }])).toBe(
    'error: t.yaml: the slugs differ\ncode: refused\n  t.yaml: metadata.slug: is "a"\n',
  )
})

test('a fault of the program itself has a code too', () => {
  let text = ''
  expect(reportError(new TypeError('oh'), { write: (part) => (text += part) })).toBe(1)
  expect(text).toMatch(/^error: unexpected: TypeError: oh\n[^]*\ncode: unexpected\n$/)
})

test('a path that its own sentence begins with is not told twice', () => {
  const parent = 'metadata.parent is not available in this release; leave it out'
  expect(reported(parent, [{ path: 'metadata.parent', message: parent }])).toBe(
    `error: t.yaml: ${parent}\ncode: refused\n`,
  )
  const message = 'is missing'
  const name = { path: 'metadata.name', message, line: 4, column: 3 }
  expect(reported(`the manifest has 1 error: metadata.name, line 4, column 3: ${message}`, [name])).toBe(
    'error: t.yaml: the manifest has 1 error\ncode: refused\n  t.yaml:4:3: metadata.name: is missing\n',
  )
})

test('what the API says of a part of the request is said of the flag', async () => {
  const wrong = { 'query.state': 'is none', 'query.label.0': 'must be key=value', 'body.environment': 'is no name' }
  for (const [path, message] of Object.entries(wrong)) {
    await using fake = await startFake((_, response) =>
      json(response, 400, { code: 'invalid_request', detail: `${path}: ${message}`, errors: [{ path, message }] }),
    )
    const { stderr } = await fake.freehold(['list'])
    const flag = `--${path.split('.')[1]}`
    expect(stderr.split('\n').slice(0, 2)).toEqual([`error: ${flag}: ${message}`, 'code: invalid_request'])
  }
})

test('wrong arguments are told with the nearest name and where help is', async () => {
  await using fake = await startFake((_, response) => response.destroy())
  expect((await fake.freehold(['list', '--stat', 'active'])).stderr).toBe(
    "error: unknown option '--stat'\n(Did you mean --state?)\ncode: usage\nnext: freehold --help, or --help behind the command\n",
  )
  expect((await fake.freehold(['connect', 'acme', 'psql', '-c', 'x'])).stderr).toContain(
    'next: a command with options goes behind --',
  )
  for (const limit of ['abc', '0'])
    expect((await fake.freehold(['list', '--limit', limit])).stderr).toContain('It is a whole number, 1 or more.')
  expect((await fake.freehold(['events', 'acme', '--after', 'x'])).stderr).toContain('0 or more.')
  expect((await fake.freehold(['list', '--timeout', '99999999'])).exitCode).toBe(2)
  writeFileSync(join(fake.cwd, 'latin.yaml'), Buffer.from([0x61, 0xe9]))
  for (const file of ['none.yaml', 'latin.yaml'])
    expect((await fake.freehold(['apply', '-f', file])).stderr).toMatch(/^error: .*\ncode: usage\nnext: .+\n$/)
  expect(fake.received).toEqual([])
})
