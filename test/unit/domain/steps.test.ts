import { expect, test } from 'vitest'
import { provisionSteps, removalSteps, rotationSteps } from '../../../domain/steps.ts'
import { waves } from '../../../domain/waves.ts'
import { resourceKey, type ResourceSpec } from '../../../domain/resources.ts'

const properties = {
  secrets: { key: 'tenant-key' },
  database: { schema: 't', ownerRole: 't_owner', appRole: 't_app', passwordSecret: 's', connectionLimit: 5 },
  topic: { subscription: 'all', keySecret: 's' },
} as const

function resource(environment: string, kind: keyof typeof properties, after: string[] = []): ResourceSpec {
  const placement = kind === 'database' ? 1 : 0
  const key = resourceKey(environment, kind, placement)
  const spec = { key, kind, environment, placement, cell: 'cell-a', name: key, after, properties: properties[kind] }
  return spec as ResourceSpec
}
const resources = ['prod', 'test'].flatMap((environment) => [
  resource(environment, 'secrets'),
  resource(environment, 'database'),
  resource(environment, 'topic', [resourceKey(environment, 'database', 1)]),
])
const keys = (steps: readonly { key: string; after: readonly string[] }[]) =>
  waves(steps).map((wave) => wave.map(({ key }) => key))

test('provisioning makes resources in the order of their dependencies, then the schemas', () => {
  expect(keys(provisionSteps(resources, '1.4.0'))).toEqual([
    ['prod/secrets', 'prod/1/database', 'test/secrets', 'test/1/database'],
    ['prod/topic', 'test/topic', 'prod/1/database/schema', 'test/1/database/schema'],
  ])
})

test('without a schema version nothing is migrated', () => {
  expect(provisionSteps(resources, null).map(({ action }) => action)).toEqual(resources.map(() => 'ensure'))
})

test('removal goes the other way round, and secrets go last of their environment', () => {
  expect(keys(removalSteps(resources))).toEqual([
    ['prod/topic', 'test/topic'],
    ['prod/1/database', 'test/1/database'],
    ['prod/secrets', 'test/secrets'],
  ])
  const alone = resources.filter(({ kind, environment }) => kind === 'secrets' || environment === 'prod')
  expect(keys(removalSteps(alone))[0]).toEqual(['prod/topic', 'test/secrets'])
})

test('rotation touches the credentials of the one environment', () => {
  expect(rotationSteps(resources, 'test').map(({ key, action }) => ({ key, action }))).toEqual([
    { key: 'test/1/database', action: 'rotate' },
    { key: 'test/topic', action: 'rotate' },
  ])
})

test('steps on a bus name it, so that they wait in its queue', () => {
  expect(provisionSteps(resources, '1.4.0').map(({ key, bus }) => [key, bus])).toEqual(
    expect.arrayContaining([
      ['prod/topic', 'cell-a'],
      ['prod/1/database', undefined],
    ]),
  )
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
