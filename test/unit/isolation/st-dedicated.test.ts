import { expect, test } from 'vitest'
import { resourcesOf, topologyOf } from '../../../isolation/strategies/by-profile.ts'
import type { StrategyInput } from '../../../isolation/strategy.ts'

const quotas = { storageGiB: 1, requestsPerSecond: 1, concurrentTasks: 3 }
const input = (profile: string): StrategyInput => ({
  tenant: { id: 'tenant-1', code: 'k3f9x2ab' },
  placement: { environment: 'prod', number: 1, profile, segment: null },
  site: {
    cell: {
      name: 'cell-1',
      region: 'eu-north',
      database: { host: 'db.example', port: 5432, name: 'warehouse_shared' },
      objectStore: { kind: 'file-system', root: '/srv', container: 'data-shared' },
      runtime: { namespace: 'workloads', taskQueue: 'work' },
      network: { policies: '/policies' },
    },
    bus: undefined,
    weight: 1,
  },
  plan: { name: 'pro', weight: 1, databaseConnections: 5, quotas },
  quotas,
})

test('database, container and task queue are its own, and named by its code', () => {
  expect(topologyOf(input('st-dedicated'))).toMatchObject({
    database: { database: 'warehouse_k3f9x2ab_prod' },
    objectStore: { container: 'data-k3f9x2ab-prod' },
    runtime: { namespace: 'workloads', taskQueue: 'work-k3f9x2ab-prod' },
  })
  const properties = resourcesOf(input('st-dedicated')).map((spec) => spec.properties)
  expect(properties).toContainEqual(expect.objectContaining({ ownDatabase: 'warehouse_k3f9x2ab_prod' }))
  expect(properties).toContainEqual(expect.objectContaining({ ownQueue: true }))
})

test('names inside are those of the shared profile, so that a move changes only where they are', () => {
  const [shared, own] = [topologyOf(input('mt-standard')), topologyOf(input('st-dedicated'))]
  expect(own.database.schema).toBe(shared.database.schema)
  expect(own.database.role).toBe(shared.database.role)
  expect(own.objectStore.prefix).toBe(shared.objectStore.prefix)
  const keys = (profile: string) => resourcesOf(input(profile)).map(({ key }) => key)
  expect(keys('st-dedicated')).toEqual(keys('mt-standard'))
})
