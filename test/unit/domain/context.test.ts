import { expect, test } from 'vitest'
import { tenantContext } from '../../../domain/context.ts'
import { readManifest } from '../../../domain/manifest-read.ts'
import { resolveManifest } from '../../../domain/manifest-resolve.ts'
import type { Bus, Cell, Placement } from '../../../domain/placement.ts'
import type { Site } from '../../../domain/topology.ts'
import { topologyOf } from '../../../isolation/strategies/by-profile.ts'
import { manifestText, platform } from './support.ts'

const cell: Cell = {
  name: 'cell-a',
  region: 'eu-west',
  database: { host: 'db.example.com', port: 5432, name: 'warehouse' },
  objectStore: { kind: 'file-system', root: '/srv/objects', container: 'data-shared' },
  runtime: { namespace: 'workloads', taskQueue: 'work' },
  network: { policies: '/srv/policies' },
}
const bus: Bus = { name: 'bus-a', region: 'eu-west', endpoint: { host: 'bus.example.com', port: 5671, tls: true } }
const site: Site = { cell, bus, weight: 4 }
const placement: Placement = {
  environment: 'prod',
  number: 1,
  profile: 'mt-standard',
  cell: 'cell-a',
  bus: 'bus-a',
  segment: '10.64.3.64/26',
  state: 'active',
  epoch: 3,
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner)
  return Object.freeze(value)
}

test('the topology says where everything is, by reference and without a credential or a path of the host', () => {
  expect(topologyOf(freeze({ tenant: { code: 'k3v9x2ab' }, placement, site }))).toEqual({
    database: {
      cell: 'cell-a',
      host: 'db.example.com',
      port: 5432,
      database: 'warehouse',
      schema: 't_k3v9x2ab_prod',
      role: 't_k3v9x2ab_prod_1_app',
      passwordSecret: 'secrets/k3v9x2ab/prod/database-1',
    },
    objectStore: { cell: 'cell-a', container: 'data-shared', prefix: 'tenants/k3v9x2ab/prod/' },
    runtime: { namespace: 'workloads', taskQueue: 'work', fairnessKey: 'k3v9x2ab-prod', fairnessWeight: 4 },
    secrets: { prefix: 'secrets/k3v9x2ab/prod/', key: 'tenant-key' },
    network: { segment: '10.64.3.64/26', enforcement: 'external' },
    events: {
      transport: 'service-bus',
      bus: 'bus-a',
      endpoint: { host: 'bus.example.com', port: 5671, tls: true },
      topic: 'tenant-k3v9x2ab-prod',
      subscription: 'all',
      keySecret: 'secrets/k3v9x2ab/prod/topic',
    },
  })
})

test('without a bus and a pool of addresses the topology says so', () => {
  const { network, events } = topologyOf({
    tenant: { code: 'k3v9x2ab' },
    placement: { environment: 'prod', number: 1, profile: 'mt-standard' },
    site: { ...site, bus: undefined },
  })
  expect({ network, events }).toEqual({ network: null, events: { transport: 'webhooks' } })
})

test('a profile without a strategy has no topology', () => {
  for (const profile of ['unheard-of', 'constructor'])
    expect(() => topologyOf({ tenant: { code: 'k3v9x2ab' }, placement: { ...placement, profile }, site })).toThrow(
      expect.objectContaining({ code: 'profile_not_configured' }),
    )
})

test('a move changes roles and the password, not the schema, the prefixes and the topic', () => {
  const before = topologyOf({ tenant: { code: 'k3v9x2ab' }, placement, site })
  const after = topologyOf({ tenant: { code: 'k3v9x2ab' }, placement: { ...placement, number: 2 }, site })
  expect(after.events).toEqual(before.events)
  expect(after.database.role).not.toBe(before.database.role)
  expect(after.database.passwordSecret).not.toBe(before.database.passwordSecret)
  expect(after.database.schema).toBe(before.database.schema)
  expect(after.objectStore).toEqual(before.objectStore)
})

test('two readers of the same facts get the same bytes of the context', () => {
  const read = () => {
    const { resolved } = resolveManifest(readManifest(manifestText()), platform, [])
    const tenant = {
      id: 'id',
      slug: 'acme',
      code: 'k3v9x2ab',
      dataKey: 'key',
      state: 'active' as const,
      suspended: false,
    }
    return JSON.stringify(tenantContext(tenant, freeze(resolved), placement, topologyOf({ tenant, placement, site })))
  }
  expect(read()).toBe(read())
  expect(JSON.parse(read())).toMatchObject({ version: 1, environment: 'prod', epoch: 3, policy: { residency: 'eu' } })
})
