import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifest, mebibyte, openTestApi, paddedManifest, type Body, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
  await api.call('POST', '/v1/tenants', { body: manifest({ slug: 'here-first' }) })
})
afterAll(async () => {
  await api.close()
})

const post = (type: string, body: Body) => ({ headers: { 'content-type': type }, body })
const spec = (fields: object) => ({ body: manifest({ spec: fields }) })
const environment = (fields: object) => spec({ environments: [{ name: 'prod', ...fields }] })
const aliases = `a: &a [x]\n${Array.from({ length: 60 }, (_, n) => `b${n}: [*a, *a]`).join('\n')}`
const endless = () =>
  new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) })

type Options = { headers?: Record<string, string>; body: Body | object }

/** Sends it as a new tenant and as a manifest to apply; both must give the same answer and change nothing. */
async function refused(options: () => Options) {
  const { body } = options()
  const { metadata } = body as Partial<ReturnType<typeof manifest>>
  const path = `/v1/tenants/${encodeURIComponent(metadata?.slug ?? 'any')}`
  return api.unchanged(async () => {
    const posted = await api.call('POST', '/v1/tenants', options())
    const applied = await api.call('PUT', path, options())
    expect([applied.status, applied.body.code]).toEqual([posted.status, posted.body.code])
    return posted
  })
}

describe('changes nothing and says what is wrong: a body that is', () => {
  test.each<[string, () => Options, number, string]>([
    ['malformed JSON', () => post('application/json', '{"a": '), 400, 'malformed_body'],
    ['YAML called JSON', () => post('application/json', 'kind: Tenant'), 400, 'malformed_body'],
    ['malformed YAML', () => post('application/yaml', 'a: [1'), 400, 'malformed_body'],
    ['nothing', () => post('application/yaml', ''), 400, 'malformed_body'],
    [
      'bytes that are no text',
      () => post('application/yaml', new Uint8Array([0xff, 0xfe, 0x00])),
      400,
      'malformed_body',
    ],
    ['YAML nested without end', () => post('text/yaml', '['.repeat(100_000)), 400, 'malformed_body'],
    [
      'JSON nested without end',
      () => post('application/json', `${'['.repeat(1e5)}${']'.repeat(1e5)}`),
      400,
      'malformed_body',
    ],
    ['YAML full of aliases', () => post('text/yaml', aliases), 400, 'malformed_body'],
    ['of another content type', () => post('text/plain', paddedManifest(1_000)), 415, 'unsupported_media_type'],
    ['a form', () => post('multipart/form-data; boundary=a', paddedManifest(1_000)), 415, 'unsupported_media_type'],
    [
      'in another encoding',
      () => post('application/json; charset=latin1', paddedManifest(1_000)),
      415,
      'unsupported_media_type',
    ],
    ['without end', () => post('application/yaml', endless()), 413, 'body_too_large'],
    ['of 2 MB', () => post('application/yaml', 'a'.repeat(2_000_000)), 413, 'body_too_large'],
    [
      'a good manifest, one byte over 1 MiB',
      () => post('application/json', paddedManifest(mebibyte + 1)),
      413,
      'body_too_large',
    ],
  ])('%s', async (_, options, status, code) => {
    const answer = await refused(options)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(answer.text.length).toBeLessThan(10_000)
  })

  test('malformed YAML, told with line and column', async () => {
    const { body } = await refused(() => post('application/yaml', 'kind: Tenant\nspec: {plan: pro\n'))
    expect(body.errors).toMatchObject([{ line: 3, column: 1 }])
  })
})

describe('changes nothing and says where: a manifest with', () => {
  const isolation = 'isolation_not_available'
  test.each<[string, Options, string, string]>([
    [
      'an unknown apiVersion',
      { body: { ...manifest(), apiVersion: 'freehold.dev/v9' } },
      'manifest_invalid',
      'apiVersion',
    ],
    ['another kind', { body: { ...manifest(), kind: 'Pod' } }, 'manifest_invalid', 'kind'],
    ['an unknown field', { body: { ...manifest(), surprise: 1 } }, 'manifest_invalid', 'surprise'],
    ['an unknown field deep inside', environment({ nmae: 'x' }), 'manifest_invalid', 'spec.environments.0.nmae'],
    [
      'a slug with SQL in it',
      { body: manifest({ slug: "a'; drop table tenants; --" }) },
      'manifest_invalid',
      'metadata.slug',
    ],
    ['a slug with a path in it', { body: manifest({ slug: '../../etc' }) }, 'manifest_invalid', 'metadata.slug'],
    ['a slug in capitals', { body: manifest({ slug: 'Acme' }) }, 'manifest_invalid', 'metadata.slug'],
    ['a slug of 33 letters', { body: manifest({ slug: 'a'.repeat(33) }) }, 'manifest_invalid', 'metadata.slug'],
    ['a profile nobody offers', spec({ profile: 'mt-other' }), 'profile_not_configured', 'spec.profile'],
    ['a plan nobody has', spec({ plan: 'gold' }), 'plan_not_configured', 'spec.plan'],
    ['a region nobody has', spec({ region: 'mars' }), 'region_not_configured', 'spec.region'],
    [
      'a schema version nobody has',
      spec({ schema: { appVersion: '9.9.9' } }),
      'schema_version_unknown',
      'spec.schema.appVersion',
    ],
    ['a negative quota', spec({ quotas: { storageGiB: -1 } }), 'manifest_invalid', 'spec.quotas.storageGiB'],
    ['a quota of nothing', spec({ quotas: { concurrentTasks: 0 } }), 'manifest_invalid', 'spec.quotas.concurrentTasks'],
    [
      'a quota beyond numbers',
      spec({ quotas: { requestsPerSecond: 1_000_001 } }),
      'manifest_invalid',
      'spec.quotas.requestsPerSecond',
    ],
    [
      'an environment twice',
      spec({ environments: [{ name: 'a' }, { name: 'a' }] }),
      'manifest_invalid',
      'spec.environments',
    ],
    ['no environment', spec({ environments: [] }), 'manifest_invalid', 'spec.environments'],
    [
      'too many environments',
      spec({ environments: Array.from('abcdefghi', (name) => ({ name })) }),
      'manifest_invalid',
      'spec.environments',
    ],
    [
      'a server of its own that is not named',
      spec({ profile: 'st-byoc' }),
      'manifest_invalid',
      'spec.environments.0.database',
    ],
    [
      'a server of its own in a profile without one',
      spec({ environments: [{ name: 'prod', database: { secretRef: 'a-server' } }] }),
      'manifest_invalid',
      'spec.environments.0.database',
    ],
    [
      'an environment’s own isolation',
      environment({ isolation: { database: 'schema' } }),
      'not_available',
      'spec.environments.0.isolation',
    ],
    [
      'a reference that is no name of a secret',
      environment({ database: { secretRef: 'env:X' } }),
      'manifest_invalid',
      'spec.environments.0.database.secretRef',
    ],
    ['isolation that is not built', spec({ isolation: { database: 'row' } }), isolation, 'spec.isolation.database'],
    ['isolation per data class', spec({ isolation: { overrides: {} } }), isolation, 'spec.isolation.overrides'],
    [
      'extensions',
      spec({ extensions: [{ point: 'a', kind: 'b', endpoint: 'https://a.example' }] }),
      'not_available',
      'spec.extensions',
    ],
  ])('%s', async (_, options, code, path) => {
    const { status, body, text } = await refused(() => options)
    expect([status, body.code]).toEqual([422, code])
    expect(body.errors).toMatchObject([{ path }])
    expect(text.length).toBeLessThan(2_000)
  })

  test('the slug of a tenant that is there', async () => {
    const answer = await api.unchanged(() =>
      api.call('POST', '/v1/tenants', { body: manifest({ slug: 'here-first', labels: { other: 'tenant' } }) }),
    )
    expect([answer.status, answer.body.code]).toEqual([409, 'slug_taken'])
    expect(answer.body.detail).toContain('here-first')
  })

  test('more environments than the cells of its region have room for', async () => {
    const wish = spec({ region: 'eu-south', environments: [{ name: 'prod' }, { name: 'test' }] })
    const { status, body } = await refused(() => wish)
    expect([status, body.code]).toEqual([409, 'cell_exhausted'])
    expect(body.detail).toContain('eu-south')
  })

  test.each([
    ['more than its plan allows', { quotas: { storageGiB: 51 } }, 'spec.quotas.storageGiB'],
    ['a residency its region does not give', { policies: { residency: 'us' } }, 'spec.policies.residency'],
  ])('%s, but for the event that tells of it', async (_, fields, path) => {
    const answer = await api.unchanged(
      () => api.call('POST', '/v1/tenants', spec(fields)),
      ['events', 'event_streams', 'deliveries'],
    )
    expect([answer.status, answer.body.code]).toEqual([422, 'policy_denied'])
    expect(answer.body.errors).toMatchObject([{ path }])
  })
})

test.each([
  ['no key', null],
  ['a key nobody has', `fh_${'a'.repeat(43)}`],
  ['a key with SQL in it', "fh_' or 1=1 --aaaaaaaaaaaaaaaaaaaa"],
])('a good manifest with %s changes nothing', async (_, key) => {
  const { status } = await api.unchanged(() => api.call('POST', '/v1/tenants', { key, body: manifest() }))
  expect(status).toBe(401)
})

test('a cell with no room left says so, and the place it had is still taken', async () => {
  expect((await api.call('POST', '/v1/tenants', spec({ region: 'eu-south' }))).status).toBe(202)
  const wish = spec({ region: 'eu-south' })
  const { body } = await refused(() => wish)
  expect(body).toMatchObject({ code: 'cell_exhausted', retry: true })
})
