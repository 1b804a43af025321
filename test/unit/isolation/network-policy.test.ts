import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BusAccess, CellAccess, Target } from '../../../isolation/mapper.ts'
import { createNetworkMapper } from '../../../isolation/mappers/network.ts'
import { resourcesOf } from '../../../isolation/strategies/by-profile.ts'

let policies: string
beforeAll(async () => {
  policies = await mkdtemp(join(tmpdir(), 'freehold-policies-'))
})
afterAll(() => rm(policies, { recursive: true, force: true }))

const bus: BusAccess = {
  name: 'bus-1',
  region: 'eu-north',
  endpoint: { host: 'bus-1.servicebus.windows.net', port: 5671, tls: true },
  management: 'not used',
  callsPerSecond: 1,
}

/** The network of an environment, as the shared profile asks for it. */
function networkOf(environment: string, segment: string | null, withBus?: BusAccess): Target<'network'> | undefined {
  const cell: CellAccess = {
    name: 'cell-1',
    region: 'eu-north',
    database: { host: 'db.example', port: 5433, name: 'warehouse' },
    objectStore: { kind: 'file-system', root: policies, container: 'data-shared' },
    runtime: { namespace: 'workloads', taskQueue: 'work' },
    network: { policies },
    provisionerUrl: 'postgresql://provisioner:secret@db.example/warehouse',
  }
  const quotas = { storageGiB: 1, requestsPerSecond: 1, concurrentTasks: 1 }
  const spec = resourcesOf({
    tenant: { id: '0199-tenant', code: 'k3f9x2ab' },
    placement: { environment, number: 1, profile: 'mt-standard', segment },
    site: { cell, bus: withBus, weight: 1 },
    plan: { name: 'pro', weight: 1, databaseConnections: 5, quotas },
    quotas,
  }).find((one) => one.kind === 'network')
  const never = () => Promise.reject(new Error('a network has no secrets'))
  const secrets = { read: never, readOrCreate: never, replace: never, list: never, destroy: never }
  const { signal } = new AbortController()
  const claim = { epoch: 4, fence: 7, birth: 'active', signal, timeoutMs: 5_000 } as const
  return spec && { spec, tenantId: '0199-tenant', ...claim, cell, bus: withBus, secrets }
}

async function rendered(target: Target<'network'> | undefined): Promise<object> {
  if (target === undefined) throw new Error('no network was asked for')
  await createNetworkMapper().ensure(target)
  return JSON.parse(await readFile(join(policies, `k3f9x2ab-${target.spec.environment}-1.json`), 'utf8'))
}

const inside = [
  { direction: 'ingress', action: 'allow', peer: { cidr: '10.64.0.64/26' } },
  { direction: 'egress', action: 'allow', peer: { cidr: '10.64.0.64/26' } },
  {
    direction: 'egress',
    action: 'allow',
    peer: { host: 'db.example', port: 5433 },
    protocol: 'tcp',
    purpose: 'database',
  },
]

test('a policy allows its own segment, its database and its bus, denies the rest, and says that others enforce it', async () => {
  expect(await rendered(networkOf('prod', '10.64.0.64/26', bus))).toEqual({
    version: 1,
    owner: '0199-tenant',
    environment: 'prod',
    placement: 1,
    enforcement: 'external',
    epoch: 4,
    fence: 7,
    frozen: false,
    segment: '10.64.0.64/26',
    default: 'deny',
    rules: [
      ...inside,
      {
        direction: 'egress',
        action: 'allow',
        peer: { host: 'bus-1.servicebus.windows.net', port: 5671 },
        protocol: 'tcp',
        purpose: 'bus',
      },
    ],
  })
})

test('without a bus there is no way out to one', async () => {
  expect(await rendered(networkOf('staging', '10.64.0.64/26'))).toMatchObject({ environment: 'staging', rules: inside })
})

test('a policy holds no credential', async () => {
  expect(JSON.stringify(await rendered(networkOf('dev', '10.64.0.64/26', bus)))).not.toMatch(
    /secret|provisioner|not used/,
  )
})

test('where the region has no pool there is no network to make', () => {
  expect(networkOf('prod', null)).toBeUndefined()
})
