import { expect, test } from 'vitest'
import { resourcesOf, topologyOf } from '../../../isolation/strategies/by-profile.ts'
import { strategyInput } from '../../support/strategy-input.ts'

const input = (profile: string) => strategyInput({ profile })

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
