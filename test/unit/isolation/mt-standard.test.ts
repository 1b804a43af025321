import { expect, test } from 'vitest'
import { resourceProperties, type ResourceSpec } from '../../../domain/resources.ts'
import { resourcesOf } from '../../../isolation/strategies/by-profile.ts'
import type { StrategyInput } from '../../../isolation/strategy.ts'

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner)
  return Object.freeze(value)
}

function specs(number: number): ResourceSpec[] {
  const quotas = { storageGiB: 1, requestsPerSecond: 1, concurrentTasks: 3 }
  const input: StrategyInput = {
    tenant: { id: 'tenant-1', code: 'k3f9x2ab' },
    placement: { environment: 'prod', number, profile: 'mt-standard', segment: '10.64.0.64/26' },
    site: {
      cell: {
        name: 'cell-1',
        region: 'eu-north',
        database: { host: 'db.example', port: 5432, name: 'warehouse' },
        objectStore: { kind: 'file-system', root: '/srv', container: 'data-shared' },
        runtime: { namespace: 'workloads', taskQueue: 'work' },
        network: { policies: '/policies' },
      },
      bus: { name: 'bus-1', region: 'eu-north', endpoint: { host: 'bus.example', port: 5671, tls: true } },
      weight: 1,
    },
    plan: { name: 'pro', weight: 1, databaseConnections: 5, quotas },
    quotas,
  }
  return resourcesOf(freeze(input))
}

test('what placements share has no number; database and network have that of their placement', () => {
  expect(specs(2).map(({ key, placement, cell }) => [key, placement, cell])).toEqual([
    ['prod/secrets', 0, 'cell-1'],
    ['prod/2/database', 2, 'cell-1'],
    ['prod/object-store', 0, 'cell-1'],
    ['prod/runtime', 0, 'cell-1'],
    ['prod/2/network', 2, 'cell-1'],
    ['prod/topic', 0, 'bus-1'],
  ])
})

test('what is shared is the same for every placement, so that a move finds it as it is', () => {
  const shared = (number: number) => specs(number).filter(({ placement }) => placement === 0)
  expect(shared(1)).toHaveLength(4)
  expect(shared(2)).toEqual(shared(1))
})

test('properties are what the one schema of their kind says, and nothing more', () => {
  for (const { kind, properties } of specs(1))
    expect(resourceProperties[kind].strict().parse(properties)).toEqual(properties)
})

test('nothing waits for anything, and no two resources share a name', () => {
  expect(specs(1).flatMap(({ after }) => after)).toEqual([])
  expect(new Set(specs(1).map(({ name }) => name)).size).toBe(6)
})
