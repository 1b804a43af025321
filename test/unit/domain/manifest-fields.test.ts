import { expect, test } from 'vitest'
import { tenantContext } from '../../../domain/context.ts'
import { readManifest } from '../../../domain/manifest-read.ts'
import { resolveManifest } from '../../../domain/manifest-resolve.ts'
import { manifestJsonSchema } from '../../../domain/manifest.ts'
import { topologyOf } from '../../../isolation/strategies/by-profile.ts'
import { failureOf, platform } from './support.ts'

/** Every field that is available, with a value that is not the default. */
const available = {
  apiVersion: 'freehold.dev/v1alpha1',
  kind: 'Tenant',
  metadata: { slug: 'acme', name: 'Acme', labels: { segment: 'smb' } },
  spec: {
    profile: 'mt-standard',
    plan: 'team',
    region: 'eu-west',
    environments: [{ name: 'staging' }],
    isolation: { database: 'schema' },
    schema: { appVersion: '1.0.0' },
    quotas: { storageGiB: 1, requestsPerSecond: 2, concurrentTasks: 3 },
    policies: { residency: 'eu', retention: 'P7D', encryption: 'tenant-key', deleteProtection: false },
    features: { search: true },
    settings: { theme: 'dark' },
    contacts: [{ role: 'admin', email: 'ada@example.com' }],
  },
}

/** What st-byoc has besides. */
const ownServer = {
  profile: 'st-byoc',
  isolation: { database: 'database' },
  environments: [{ name: 'staging', database: { secretRef: 'acme-database' } }],
}

/** For every field that is not available, values that ask for least and for more. */
const refused: Record<string, { values: unknown[] }> = {
  'metadata.parent': { values: ['holding'] },
  'spec.environments[].profile': { values: ['mt-standard', 'st-dedicated'] },
  'spec.environments[].isolation': { values: [{}, { database: 'schema' }] },
  'spec.isolation.overrides': { values: [{}, { logs: 'schema' }, { logs: 'row' }] },
  'spec.extensions': { values: [[], [{ point: 'order.created', kind: 'event', endpoint: 'https://example.com' }]] },
}

const resolve = (manifest: object) =>
  resolveManifest(readManifest(JSON.stringify(manifest)), platform, ['1.0.0', '2.0.0'])

test('every field of the schema is either available or refused, and says what becomes of it', () => {
  const fates = fatesOf(manifestJsonSchema())
  const namesOf = (fate: string) => fates.filter((field) => field.fate === fate).map((field) => field.path)
  expect(namesOf('none')).toEqual(['apiVersion', 'kind'])
  expect(new Set(namesOf('not-available'))).toEqual(new Set(Object.keys(refused)))
  const known = new Set([...pathsOf(available), ...pathsOf({ spec: ownServer }), ...Object.keys(refused)])
  expect(fates.map((field) => field.path).filter((path) => !known.has(path))).toEqual([])
})

test('nothing that is accepted gets lost', () => {
  const { resolved, contacts } = resolve(available)
  expect({ ...resolved, spec: { ...resolved.spec, contacts } }).toEqual(available)
})

test('what is marked as handed on is in the tenant context', () => {
  const { resolved } = resolve(available)
  const tenant = {
    id: 'id',
    slug: 'acme',
    code: 'k3v9x2ab',
    dataKey: 'key',
    state: 'active' as const,
    suspended: false,
  }
  const cell = {
    name: 'cell-a',
    region: 'eu-west',
    database: { host: 'db.example.com', port: 5432, name: 'warehouse' },
    objectStore: { kind: 'file-system' as const, root: '/srv/objects', container: 'data-shared' },
    runtime: { namespace: 'workloads', taskQueue: 'work' },
    network: { policies: '/srv/policies' },
  }
  const placement = { environment: 'staging', number: 1, profile: 'mt-standard', cell: 'cell-a', epoch: 1 }
  const context = tenantContext(
    tenant,
    resolved,
    { ...placement, state: 'active' },
    topologyOf({ tenant, placement, site: { cell, bus: undefined, weight: 1 } }),
  )
  const { quotas, features, settings, policies } = available.spec
  expect(context).toMatchObject({ quotas, features, settings, policy: policies })
  const handedOn = fatesOf(manifestJsonSchema()).filter(({ fate }) => fate === 'context')
  const inContext = new Set(pathsOf({ spec: { quotas, features, settings, policies } }))
  expect(handedOn.length).toBeGreaterThan(4)
  expect(handedOn.filter(({ path }) => !inContext.has(path))).toEqual([])
})

test.each(Object.entries(refused).flatMap(([path, { values }]) => values.map((value) => ({ path, value }))))(
  '$path is refused by name, whatever it says: $value',
  ({ path, value }) => {
    const failure = failureOf(() => resolve(withField(path, value)))
    expect(failure.code).toBe(path.startsWith('spec.isolation.') ? 'isolation_not_available' : 'not_available')
    expect(failure.details).toMatchObject([{ path: path.replace('[]', '.0') }])
    expect(failure.message).toContain('not available in this release')
  },
)

test('st-byoc needs a server for each environment, and no other profile takes one', () => {
  const platformOf = { ...platform, cells: platform.cells.map((cell) => ({ ...cell, profiles: ['st-byoc'] })) }
  const wish = (changes: object) =>
    resolveManifest(
      readManifest(JSON.stringify({ ...available, spec: { ...available.spec, ...ownServer, ...changes } })),
      platformOf,
      ['1.0.0', '2.0.0'],
    )
  expect(wish({}).resolved.spec).toMatchObject(ownServer)
  for (const changes of [
    { environments: [{ name: 'a', database: { secretRef: 'one' } }, { name: 'b' }] },
    { environments: [...ownServer.environments, { name: 'b', database: { secretRef: 'x' } }], profile: 'mt-standard' },
  ])
    expect(failureOf(() => wish({ isolation: {}, ...changes }))).toMatchObject({
      code: 'manifest_invalid',
      details: [{ path: expect.stringMatching(/^spec\.environments\.[01]\.database$/) }],
    })
})

test('st-dedicated has a database of its own, and says so', () => {
  const platformOf = { ...platform, cells: platform.cells.map((cell) => ({ ...cell, profiles: ['st-dedicated'] })) }
  const wish = (isolation: object) =>
    resolveManifest(
      readManifest(
        JSON.stringify({ ...available, spec: { ...available.spec, profile: 'st-dedicated', ...isolation } }),
      ),
      platformOf,
      ['1.0.0', '2.0.0'],
    )
  const own = { isolation: { database: 'database' } }
  expect(wish({ isolation: {} }).resolved.spec.isolation).toEqual(own.isolation)
  expect(wish(own).resolved.spec.isolation).toEqual(own.isolation)
  expect(failureOf(() => wish({ isolation: { database: 'schema' } })).code).toBe('isolation_not_available')
})

test.each(['row', 'database'])(
  'isolation "%s" has a code of its own, for the tenant and for one environment',
  (kind) => {
    for (const path of ['spec.isolation', 'spec.environments[].isolation'])
      expect(failureOf(() => resolve(withField(path, { database: kind })))).toMatchObject({
        code: 'isolation_not_available',
        details: [{ path: `${path.replace('[]', '.0')}.database` }],
      })
  },
)

type Schema = {
  'x-freehold'?: string
  properties?: Record<string, Schema>
  items?: Schema
  $defs?: Record<string, Schema>
}

/** Path of every field without fields of its own, and what the schema says becomes of it or of the field it is part of. */
function fatesOf(schema: Schema, path = '', inherited = 'none'): { path: string; fate: string }[] {
  const fate = schema['x-freehold'] ?? inherited
  // The root is a reference to its only definition.
  if (schema.$defs !== undefined) return Object.values(schema.$defs).flatMap((root) => fatesOf(root))
  if (fate === 'not-available') return [{ path, fate }]
  if (schema.items !== undefined) return fatesOf(schema.items, `${path}[]`, fate)
  if (schema.properties === undefined) return [{ path, fate }]
  return Object.entries(schema.properties).flatMap(([name, field]) =>
    fatesOf(field, path === '' ? name : `${path}.${name}`, fate),
  )
}

/** Every path in a manifest; `[]` stands for any item of a list. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item) => pathsOf(item, `${path}[]`))]
  if (typeof value !== 'object' || value === null) return [path]
  const below = Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, path === '' ? name : `${path}.${name}`))
  return [path, ...below]
}

/** The least manifest with one field more. */
function withField(path: string, value: unknown): object {
  const { plan, region } = available.spec
  const root: Record<string, unknown> = { ...available, spec: { plan, region } }
  let at = root
  const names = path.split('.')
  for (const name of names.slice(0, -1)) {
    const key = name.replace('[]', '')
    const next = { ...(at[key] as object | undefined), ...(name.endsWith('[]') ? { name: 'prod' } : {}) }
    at[key] = name.endsWith('[]') ? [next] : next
    at = next
  }
  at[names.at(-1) ?? ''] = value
  return root
}
