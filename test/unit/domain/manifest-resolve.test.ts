import { expect, test } from 'vitest'
import { readManifest } from '../../../domain/manifest-read.ts'
import { resolveManifest } from '../../../domain/manifest-resolve.ts'
import { failureOf, manifestText, platform } from './support.ts'

const versions = ['1.0.0', '1.4.0']
const resolve = (spec = '', metadata = '') =>
  resolveManifest(readManifest(manifestText({ spec, metadata })), platform, versions)
const refused = (spec: string, metadata = '') => failureOf(() => resolve(spec, metadata))

test('every default is written down: plan quotas, residency, newest schema, retention', () => {
  expect(resolve().resolved).toEqual({
    apiVersion: 'freehold.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { slug: 'acme', name: 'Acme', labels: {} },
    spec: {
      profile: 'mt-standard',
      plan: 'team',
      region: 'eu-west',
      environments: [{ name: 'prod' }],
      isolation: { database: 'schema' },
      schema: { appVersion: '1.4.0' },
      quotas: { storageGiB: 10, requestsPerSecond: 50, concurrentTasks: 4 },
      policies: { residency: 'eu', retention: 'P30D', encryption: 'tenant-key', deleteProtection: false },
      features: {},
      settings: {},
    },
  })
})

test('a resolved manifest resolves to itself even after the plan changed its quotas upwards', () => {
  const { resolved } = resolve('  schema: {appVersion: 1.0.0}\n')
  const again = readManifest(JSON.stringify(resolved))
  const [plan] = platform.plans
  const roomier = { ...platform, plans: [{ ...plan, quotas: { ...plan?.quotas, storageGiB: 99 } }] } as typeof platform
  expect(resolveManifest(again, roomier, [...versions, '2.0.0']).resolved).toEqual(resolved)
})

test('contacts are handed out apart and are not in the resolved manifest', () => {
  const { resolved, contacts } = resolve('  contacts: [{role: owner, email: ada@example.com}]\n')
  expect(contacts).toEqual([{ role: 'owner', email: 'ada@example.com' }])
  expect(JSON.stringify(resolved)).not.toContain('ada@example.com')
})

test.each([
  ['manifest_invalid', 'spec.environments.0.database', '  profile: st-byoc\n'],
  ['not_available', 'spec.extensions', '  extensions: [{point: a, kind: b, endpoint: "https://example.com"}]\n'],
  ['not_available', 'spec.environments.0.profile', '  environments: [{name: prod, profile: mt-standard}]\n'],
  [
    'manifest_invalid',
    'spec.environments.1.database',
    '  environments: [{name: a}, {name: b, database: {secretRef: x}}]\n',
  ],
  ['isolation_not_available', 'spec.isolation.database', '  isolation: {database: row}\n'],
  ['isolation_not_available', 'spec.isolation.overrides', '  isolation: {overrides: {logs: row}}\n'],
  [
    'isolation_not_available',
    'spec.environments.0.isolation.database',
    '  environments: [{name: prod, isolation: {database: database}}]\n',
  ],
  ['profile_not_configured', 'spec.profile', '  profile: mt-other\n'],
  ['policy_denied', 'spec.policies.residency', '  policies: {residency: us}\n'],
  ['policy_denied', 'spec.quotas.storageGiB', '  quotas: {storageGiB: 11}\n'],
  ['policy_denied', 'spec.quotas.concurrentTasks', '  quotas: {concurrentTasks: 5}\n'],
  ['schema_version_unknown', 'spec.schema.appVersion', '  schema: {appVersion: 1.2.0}\n'],
])('%s at %s', (code, path, spec) => {
  expect(refused(spec)).toMatchObject({ code, details: [{ path }] })
})

test('a parent is refused by name', () => {
  expect(refused('', '  parent: holding\n')).toMatchObject({
    code: 'not_available',
    details: [{ path: 'metadata.parent' }],
  })
})

test.each(['plan', 'region'] as const)('a %s that is not configured is refused with what there is', (field) => {
  const manifest = readManifest(manifestText().replace(`  ${field}: `, `  ${field}: other-`))
  const failure = failureOf(() => resolveManifest(manifest, platform, versions))
  expect(failure.code).toBe(`${field}_not_configured`)
  expect(failure.message).toContain(field === 'plan' ? 'there is: team' : 'there is: eu-west')
})

test('quotas up to those of the plan are kept, the rest come from it', () => {
  expect(resolve('  quotas: {storageGiB: 10, requestsPerSecond: 1}\n').resolved.spec.quotas).toEqual({
    storageGiB: 10,
    requestsPerSecond: 1,
    concurrentTasks: 4,
  })
})

test('the schema version is the one asked for, the newest, or none where none is configured', () => {
  expect(resolve('  schema: {appVersion: 1.0.0}\n').resolved.spec.schema).toEqual({ appVersion: '1.0.0' })
  const none = resolveManifest(readManifest(manifestText()), platform, [])
  expect(none.resolved.spec.schema).toEqual({ appVersion: null })
})
