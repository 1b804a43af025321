import { expect, test } from 'vitest'
import { provisionSteps, removalSteps, rotationSteps } from '../../../domain/steps.ts'
import { waves } from '../../../domain/waves.ts'
import { resourceKey, type ResourceKind, type ResourceSpec } from '../../../domain/resources.ts'

function resource(environment: string, kind: ResourceKind, after: string[] = []): ResourceSpec {
  const key = resourceKey(environment, kind)
  return { key, kind, environment, placement: 1, cell: 'cell-a', name: key, after, properties: {} }
}
const resources = ['prod', 'test'].flatMap((environment) => [
  resource(environment, 'secrets'),
  resource(environment, 'database', [resourceKey(environment, 'secrets')]),
  resource(environment, 'object-store'),
])
const keys = (steps: readonly { key: string; after: readonly string[] }[]) =>
  waves(steps).map((wave) => wave.map(({ key }) => key))

test('provisioning makes resources in the order of their dependencies, then the schemas', () => {
  expect(keys(provisionSteps(resources, '1.4.0'))).toEqual([
    ['prod/secrets', 'prod/object-store', 'test/secrets', 'test/object-store'],
    ['prod/database', 'test/database'],
    ['prod/schema', 'test/schema'],
  ])
})

test('without a schema version nothing is migrated', () => {
  expect(provisionSteps(resources, null).map(({ action }) => action)).toEqual(resources.map(() => 'ensure'))
})

test('removal goes the other way round', () => {
  expect(keys(removalSteps(resources))).toEqual([
    ['prod/database', 'prod/object-store', 'test/database', 'test/object-store'],
    ['prod/secrets', 'test/secrets'],
  ])
})

test('rotation touches the databases of the one environment', () => {
  expect(rotationSteps(resources, 'test').map(({ key, action }) => ({ key, action }))).toEqual([
    { key: 'test/database', action: 'rotate' },
  ])
})

test('a dependency that is not among the steps counts as met', () => {
  expect(keys([{ key: 'a', after: ['gone'] }])).toEqual([['a']])
  expect(waves([])).toEqual([])
})

test('a cycle is an error that names it, also when other steps can run', () => {
  const steps = [
    { key: 'a', after: [] },
    { key: 'b', after: ['c'] },
    { key: 'c', after: ['b', 'a'] },
  ]
  expect(() => waves(steps)).toThrow('circle: b, c')
  expect(() => waves([{ key: 'a', after: ['a'] }])).toThrow('circle: a')
})
