import { expect, test } from 'vitest'
import { readManifest } from '../../../domain/manifest-read.ts'
import { failureOf, manifestText } from './support.ts'

const refused = (text: string) => failureOf(() => readManifest(text))

const aliasBomb = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  ...['ab', 'bc', 'cd', 'de', 'ef', 'fg'].map(
    ([from, to]) => `${to}: &${to} [${Array(9).fill(`*${from}`).join(', ')}]`,
  ),
].join('\n')

test('YAML and JSON of the same manifest read alike, with profile and environment filled in', () => {
  const json = JSON.stringify({
    apiVersion: 'freehold.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { slug: 'acme', name: 'Acme' },
    spec: { plan: 'team', region: 'eu-west' },
  })
  expect(readManifest(manifestText())).toEqual(readManifest(json))
  expect(readManifest(json).spec).toEqual({
    profile: 'mt-standard',
    plan: 'team',
    region: 'eu-west',
    environments: [{ name: 'prod' }],
  })
})

test('an unknown field is refused with its path, its place and the nearest name', () => {
  const { code, details } = refused(manifestText({ spec: '  environments:\n    - name: prod\n      profil: x\n' }))
  expect(code).toBe('manifest_invalid')
  expect(details).toEqual([
    {
      path: 'spec.environments.0.profil',
      message: 'unknown field; did you mean profile? Known here: name, profile, isolation, database',
      line: 11,
      column: 15,
    },
  ])
})

test('every unknown field is told, with a bound on how many', () => {
  const unknown = Array.from({ length: 300 }, (_, index) => `  x${index}: y\n`).join('')
  const { message, details } = refused(manifestText({ spec: unknown }))
  expect(message).toContain('300 errors')
  expect(details).toHaveLength(50)
})

test('a missing field is told at the nearest thing that is there', () => {
  const { details } = refused('apiVersion: freehold.dev/v1alpha1\nkind: Tenant\nmetadata:\n  slug: acme\nspec: {}\n')
  expect(details.map(({ path, message, line }) => ({ path, message, line }))).toEqual([
    { path: 'metadata.name', message: 'is missing', line: 4 },
    { path: 'spec.plan', message: 'is missing', line: 5 },
    { path: 'spec.region', message: 'is missing', line: 5 },
  ])
})

test.each([
  ['a flow that never ends', manifestText({ spec: '  settings: {a: [b\n' }), 10, 1],
  ['a key given twice', manifestText({ spec: '  plan: other\n' }), 9, 3],
  ['a key given twice in other words', manifestText({ spec: '  "plan": other\n' }), 9, 3],
  ['a key that is a list', manifestText({ spec: '  settings: {? [a, b] : c}\n' }), 9, 16],
  ['a key behind an alias', manifestText({ name: '&n Acme', spec: '  settings: {*n : c}\n' }), 9, 14],
  ['a tag that would make an object', manifestText({ spec: '  settings: !!js/function "x"\n' }), 9, 13],
])('malformed text is told with line and column: %s', (_, text, line, column) => {
  const { code, details } = refused(text)
  expect(code).toBe('malformed_body')
  expect(details[0]).toMatchObject({ line, column })
})

test.each([
  ['nothing', '', 'holds no manifest'],
  ['only a comment', '# later\n', 'holds no manifest'],
  ['two documents', `${manifestText()}---\n${manifestText()}`, 'holds 2 documents'],
  ['aliases that multiply', aliasBomb, 'Excessive alias count'],
  ['an alias of nothing', manifestText({ spec: '  features: *nope\n' }), 'Unresolved alias'],
  ['nesting without end', '['.repeat(5_000), 'not well-formed'],
])('a body that holds %s is malformed', (_, text, message) => {
  const failure = refused(text)
  expect(failure.code).toBe('malformed_body')
  expect(failure.message).toContain(message)
})

test.each(['null', '42', '[]', 'text'])('a body that is only %s is not a manifest', (text) => {
  expect(refused(text)).toMatchObject({ code: 'manifest_invalid', details: [{ path: '(the document)' }] })
})

test.each([
  ['spec.environments', '  environments: [{name: prod}, {name: prod}]\n'],
  ['spec.environments', '  environments: []\n'],
  ['spec.environments.0.name', '  environments: [{name: a_b}]\n'],
  ['spec.quotas.storageGiB', '  quotas: {storageGiB: -1}\n'],
  ['spec.quotas.storageGiB', '  quotas: {storageGiB: 0}\n'],
  ['spec.quotas.requestsPerSecond', '  quotas: {requestsPerSecond: 1.5}\n'],
  ['spec.quotas.concurrentTasks', '  quotas: {concurrentTasks: .inf}\n'],
  ['spec.schema.appVersion', '  schema: {appVersion: ../1.0.0}\n'],
  ['spec.policies.retention', '  policies: {retention: forever}\n'],
  ['spec.settings.a', '  settings: &a {a: *a}\n'],
])('a wrong value is refused at %s: %s', (path, spec) => {
  expect(refused(manifestText({ spec }))).toMatchObject({ code: 'manifest_invalid', details: [{ path }] })
})

test.each([
  ['a control character', '"Ac\\u0000me"'],
  ['a raw control character', 'Ac\u0007me'],
  ['a line break', '"Ac\\nme"'],
  ['a text-direction override', '"Ac\\u202eme"'],
  ['a text-direction isolate', '"Ac\\u2066me"'],
  ['200 KB', 'A'.repeat(200 * 1024)],
])('a name with %s is refused, and not repeated in the message', (_, name) => {
  const failure = refused(manifestText({ name }))
  expect(failure).toMatchObject({ code: 'manifest_invalid', details: [{ path: 'metadata.name', line: 5, column: 9 }] })
  expect(failure.message.length).toBeLessThan(300)
})

test('a field name of 200 KB is refused and cut in the answer', () => {
  const { details } = refused(`{"${'A'.repeat(200 * 1024)}": 1}`)
  expect(JSON.stringify(details).length).toBeLessThan(2_000)
})

test.each([
  ['the document', { metadata: '__proto__: {a: b}\n' }],
  ['metadata', { metadata: '  __proto__: {a: b}\n' }],
  ['labels', { metadata: '  labels: {__proto__: b}\n' }],
  ['settings', { spec: '  settings: {"__proto__": b}\n' }],
])('__proto__ in %s is refused, never ignored', (_, parts) => {
  const failure = refused(manifestText(parts))
  expect(failure.code).toBe('malformed_body')
  expect(failure.message).toContain('__proto__')
  expect(failure.details[0]?.line).toBeGreaterThan(5)
})

test('names of Object.prototype are ordinary names of a setting', () => {
  const { settings } = readManifest(manifestText({ spec: '  settings: {constructor: a, toString: b}\n' })).spec
  expect(Object.entries(settings ?? {})).toEqual([
    ['constructor', 'a'],
    ['toString', 'b'],
  ])
})

test.each([
  "acme'; DROP TABLE tenant;--",
  'ac"me',
  '../etc',
  'a/b/c',
  'acme%2e',
  'acme\u0000',
  'acme\n',
  'Acme',
  'аcme',
])('a slug that tries %j is refused', (slug) => {
  const text = manifestText({ slug: JSON.stringify(slug) })
  expect(refused(text)).toMatchObject({ code: 'manifest_invalid', details: [{ path: 'metadata.slug', line: 4 }] })
})

test.each(['abc', 'a-1', 'a'.repeat(32)])('slug %s is allowed', (slug) => {
  expect(readManifest(manifestText({ slug })).metadata.slug).toBe(slug)
})

test.each(['ab', 'a'.repeat(33), 'ab-', '1ab', '-ab'])('slug %s is refused', (slug) => {
  expect(refused(manifestText({ slug })).code).toBe('manifest_invalid')
})

test('whatever is cut out of a manifest, the answer is a manifest or a FreeholdError', () => {
  const whole = manifestText({ spec: '  settings: {a: "b", c: [d]}\n  features: &f {x: true}\n  quotas: *f\n' })
  for (let from = 0; from < whole.length; from += 3)
    for (const length of [1, 7, 40]) {
      const text = whole.slice(0, from) + whole.slice(from + length)
      expect(['malformed_body', 'manifest_invalid']).toContain(failureOf(() => readManifest(text)).code)
    }
})
