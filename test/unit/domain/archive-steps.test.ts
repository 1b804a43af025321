import { expect, test } from 'vitest'
import { archiveSpec, archiveSteps, releaseSteps, restoreSteps } from '../../../domain/archive-steps.ts'
import { changesOf } from '../../../domain/changes.ts'
import { driftOf } from '../../../domain/drift.ts'
import { resourceKey, type ResourceKind, type ResourceSpec } from '../../../domain/resources.ts'
import { freezeSteps, thawSteps } from '../../../domain/steps.ts'
import { waves } from '../../../domain/waves.ts'

function resource(kind: ResourceKind, number = 0, environment = 'prod'): ResourceSpec {
  const key = resourceKey(environment, kind, number)
  return { key, kind, environment, placement: number, cell: 'cell-a', name: key, after: [], properties: {} } as never
}
const living = [resource('secrets'), resource('database', 1), resource('object-store'), resource('topic')]
const archive = archiveSpec('abcd1234', { environment: 'prod', number: 1, cell: 'cell-a' })
const earlier = archiveSpec('abcd1234', { environment: 'prod', number: 0, cell: 'cell-a' })
const keys = (steps: readonly { key: string; after: readonly string[] }[]) =>
  waves(steps).map((wave) => wave.map(({ key }) => key))

test('archiving closes everything, exports what holds data, proves it, and only then removes, earlier archives too', () => {
  const steps = archiveSteps([archive], [...living, earlier])
  expect(keys(steps.filter(({ inForce }) => inForce !== true))).toEqual([
    [...living.map(({ key }) => `${key}/freeze`), 'prod/1/archive'],
    ['prod/secrets/export', 'prod/1/database/export', 'prod/object-store/export'],
    ['prod/1/archive/verify'],
  ])
  const last = steps.filter(({ inForce }) => inForce)
  expect(keys(last)).toEqual([['prod/1/database', 'prod/object-store', 'prod/topic', earlier.key], ['prod/secrets']])
  expect(last.map(({ action }) => action)).toEqual(last.map(() => 'remove'))
  expect(releaseSteps([archive], [...living, earlier, archive])).toEqual(last)
})

test('an environment waits for its own doors alone, and has an archive of its own', () => {
  const other = [resource('secrets', 0, 'test'), resource('database', 1, 'test')]
  const second = archiveSpec('abcd1234', { environment: 'test', number: 1, cell: 'cell-a' })
  const steps = archiveSteps([archive, second], [...living, ...other])
  expect(steps.find(({ key }) => key === 'test/1/database/export')).toMatchObject({
    archive: 'test/1/archive',
    after: ['test/1/archive', 'test/secrets/freeze', 'test/1/database/freeze'],
  })
})

test('restoring brings secrets back first, opens nothing before all is compared, and makes everything closed', () => {
  const wanted = [resource('secrets'), resource('database', 2), resource('object-store'), resource('topic')]
  const steps = restoreSteps(wanted, new Map([['prod', 'prod/1/archive']]))
  expect(keys(steps)).toEqual([
    ['prod/secrets'],
    ['prod/secrets/import'],
    ['prod/secrets/compare', 'prod/2/database', 'prod/object-store', 'prod/topic'],
    ['prod/2/database/import', 'prod/object-store/import'],
    ['prod/2/database/compare', 'prod/object-store/compare'],
    wanted.map(({ key }) => `${key}/thaw`),
  ])
  for (const step of steps) expect(step.isBornClosed).toBe(step.action === 'ensure' ? true : undefined)
})

test('an archive has no door', () => {
  expect([...freezeSteps([archive]), ...thawSteps([archive])]).toEqual([])
})

const recorded = (spec: ResourceSpec) => ({ key: spec.key, spec, before: null, state: 'present' as const, facts: {} })

test('an update leaves an archive as long as its environment stays', () => {
  const ledger = [...living, archive].map(recorded)
  expect(changesOf(living, ledger, null).remove).toEqual([])
  expect(changesOf([], ledger, null).remove.map(({ key }) => key)).toContain(archive.key)
})

test('an archive that is there is no drift; one that is gone, or another’s, is', () => {
  const driftOfArchive = (observed: object) =>
    driftOf({
      tenantId: 'tenant-1',
      desired: [],
      ledger: [recorded(archive)],
      observed: [{ key: archive.key, ...observed } as never],
      sides: {},
      appVersion: null,
    }).map(({ kind }) => kind)
  const there = { exists: true, owner: 'tenant-1', frozen: false, facts: {} }
  expect(driftOfArchive(there)).toEqual([])
  expect(driftOfArchive({ exists: false })).toEqual(['missing'])
  expect(driftOfArchive({ ...there, owner: 'tenant-2' })).toEqual(['not-owned'])
})
