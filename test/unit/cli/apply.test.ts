import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { splitDocuments } from '../../../packages/cli/manifest-files.ts'
import { json, operation, startFake, tenant } from './support.ts'

const accept = { tenant: tenant('acme'), operation: operation({ state: 'accepted' }) }

describe('splitting a file', () => {
  test('each document keeps the line numbers of the file', () => {
    const parts = splitDocuments('t.yaml', '# both\n---\nmetadata: { slug: one }\n---\n\nmetadata:\n  slug: two\n')
    expect(parts.map(({ slug, line }) => ({ slug, line }))).toEqual([
      { slug: 'one', line: 1 },
      { slug: 'two', line: 4 },
    ])
    expect(parts[1]?.text.split('\n')[6]).toBe('  slug: two')
  })

  test('empty documents vanish, directives stay with theirs, a broken document spares the others', () => {
    const text =
      '%YAML 1.2\n---\nmetadata: { slug: one }\n...\n---\n# nothing\n---\nbad: [\n---\nmetadata: { slug: two }\n'
    expect(splitDocuments('t.yaml', text).map(({ slug }) => slug)).toEqual(['one', undefined, 'two'])
  })

  test('a slug that would change the path is left to the API', () => {
    for (const slug of ['..', 'a/b', 'A', '', '"a\\u0000"'])
      expect(splitDocuments('t.yaml', `metadata: { slug: ${slug} }`)[0]?.slug).toBeUndefined()
  })
})

describe('apply', () => {
  test('sends every manifest of a folder in order, each under its own idempotency key', async () => {
    await using fake = await startFake((_, response) => json(response, 202, accept))
    mkdirSync(join(fake.cwd, 'all'))
    writeFileSync(join(fake.cwd, 'all/b.yml'), 'metadata: { slug: b }\n---\nmetadata: {}\n')
    writeFileSync(join(fake.cwd, 'all/a.json'), '{ "metadata": { "slug": "a" } }')
    writeFileSync(join(fake.cwd, 'all/readme.md'), 'metadata: { slug: no }')
    const { exitCode, stdout } = await fake.freehold(['apply', '-f', 'all', '--output', 'json'])
    expect(exitCode).toBe(0)
    expect(fake.received.map(({ method, path, headers }) => [method, path, headers['content-type']])).toEqual([
      ['PUT', '/v1/tenants/a', 'application/json'],
      ['PUT', '/v1/tenants/b', 'application/yaml'],
      ['POST', '/v1/tenants', 'application/yaml'],
    ])
    expect(new Set(fake.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(3)
    expect(fake.received.every(({ headers }) => headers.authorization === 'Bearer fh_test')).toBe(true)
    expect(JSON.parse(stdout)).toMatchObject([{ file: 'all/a.json' }, { line: 1 }, { line: 2 }])
  })

  test('two manifests of one tenant are refused before anything is sent, for the last would win', async () => {
    await using fake = await startFake((_, response) => json(response, 202, accept))
    mkdirSync(join(fake.cwd, 'dup'))
    writeFileSync(join(fake.cwd, 'dup/a.yaml'), 'metadata: { slug: one }\n---\nmetadata: { slug: two }\n')
    writeFileSync(join(fake.cwd, 'dup/b.yaml'), 'metadata: { slug: two }\n')
    const { exitCode, stderr } = await fake.freehold(['apply', '-f', 'dup'])
    expect([exitCode, fake.received]).toEqual([2, []])
    expect(stderr).toContain('error: two is in dup/a.yaml:2 and in dup/b.yaml:1\n')
  })

  test('a refused manifest is told with file, line and column, and the next one is applied', async () => {
    await using fake = await startFake((request, response) => {
      if (request.path.endsWith('/one')) return json(response, 202, accept)
      const errors = [{ path: 'spec.plann', message: 'unknown field', line: 5, column: 3 }]
      json(response, 422, { code: 'manifest_invalid', detail: 'the manifest has 1 error', errors })
    })
    writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: two }\n---\nmetadata: { slug: one }\n')
    const { exitCode, stderr, stdout } = await fake.freehold(['apply', '-f', 't.yaml'])
    expect(exitCode).toBe(3)
    expect(stderr).toContain('error: t.yaml: the manifest has 1 error\ncode: manifest_invalid\n')
    expect(stderr).toContain('  t.yaml:5:3: spec.plann: unknown field\nnext: correct the file')
    expect(stdout).toMatch(/acme +provision +accepted/)
  })

  test('JSON that does not parse is told with its file and line, without its text, and the next one is applied', async () => {
    await using fake = await startFake((_, response) => json(response, 202, accept))
    mkdirSync(join(fake.cwd, 'all'))
    writeFileSync(join(fake.cwd, 'all/a.json'), '{ "metadata": {\n  "slug": "a"; } }')
    writeFileSync(join(fake.cwd, 'all/b.json'), '{ "secret": words }')
    writeFileSync(join(fake.cwd, 'all/c.yaml'), 'metadata: { slug: acme }\n')
    const { exitCode, stderr } = await fake.freehold(['apply', '-f', 'all'])
    expect([exitCode, fake.received.length]).toEqual([2, 1])
    expect(stderr).toContain('error: all/a.json: it is not well-formed JSON\ncode: usage\n  all/a.json:2:14: Expected')
    expect(stderr).toContain("all/b.json: Unexpected token 'w'\n")
    expect(stderr).not.toContain('words')
  })

  test('what is in force is unchanged', async () => {
    const answer = { tenant: tenant('acme'), operation: null, changed: false }
    await using fake = await startFake((_, response) => json(response, 200, answer))
    writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: acme }\n')
    const { exitCode, stdout } = await fake.freehold(['apply', '-f', 't.yaml', '--wait'])
    expect([exitCode, fake.received.length]).toEqual([0, 1])
    expect(stdout).toMatch(/acme +unchanged/)
  })

  test('a file that is not there, or holds nothing, is a usage error and sends nothing', async () => {
    await using fake = await startFake((_, response) => json(response, 202, accept))
    writeFileSync(join(fake.cwd, 'empty.yaml'), '# later\n---\n')
    expect((await fake.freehold(['apply', '-f', 'none.yaml'])).exitCode).toBe(2)
    expect((await fake.freehold(['apply', '-f', 'empty.yaml'])).stderr).toContain('empty.yaml holds no manifest')
    expect(fake.received).toEqual([])
  })
})
