import { expect, test } from 'vitest'
import { driftOf, type Observed } from '../../../domain/drift.ts'
import type { PlacementState } from '../../../domain/placement.ts'
import type { ResourceSpec } from '../../../domain/resources.ts'

const spec: ResourceSpec<'topic'> = {
  key: 'prod/topic',
  kind: 'topic',
  environment: 'prod',
  placement: 0,
  cell: 'bus-1',
  name: 'tenant-abcd1234-prod',
  after: [],
  properties: { subscription: 'events', keySecret: 'topic-key' },
}
const seen: Observed = { key: spec.key, exists: true, owner: 'tenant-1', frozen: false, facts: {} }
const kinds = (
  observed: Observed[],
  side: PlacementState = 'active',
  { desired = [spec], ledger = [spec] }: Partial<Record<'desired' | 'ledger', ResourceSpec[]>> = {},
) =>
  driftOf({
    tenantId: 'tenant-1',
    desired,
    ledger: ledger.map((one) => ({ key: one.key, spec: one, before: null, state: 'present', facts: {} })),
    observed,
    sides: { prod: side },
    appVersion: null,
  }).map(({ kind, message }) => [kind, message])

test('what is as it should be is no drift', () => {
  expect(kinds([seen])).toEqual([])
  expect(kinds([{ ...seen, frozen: true }], 'suspended')).toEqual([])
})

test('any closed door closes an active one, and any open door opens a suspended one', () => {
  const doors = (frozen: boolean, openDoors: string[]): Observed => ({ ...seen, frozen, facts: { openDoors } })
  expect(kinds([doors(true, ['login'])])).toEqual([['closed', expect.any(String)]])
  expect(kinds([doors(false, ['login', 'placement'])])).toEqual([])
  expect(kinds([doors(true, ['login'])], 'suspended')).toEqual([['open', expect.stringContaining('(login)')]])
  expect(kinds([doors(true, [])], 'suspended')).toEqual([])
  expect(kinds([seen], 'suspended')).toEqual([['open', expect.any(String)]])
})

test('what is not there, of somebody else, not looked at or not asked for is named', () => {
  expect(kinds([{ key: spec.key, exists: false }])).toEqual([['missing', expect.any(String)]])
  expect(kinds([{ ...seen, owner: null }])).toEqual([['not-owned', expect.any(String)]])
  expect(kinds([])).toEqual([['not-observed', 'nobody looked']])
  expect(kinds([{ key: spec.key, exists: null, code: 'substrate_unavailable', message: 'down' }])).toEqual([
    ['not-observed', 'substrate_unavailable: down'],
  ])
  expect(kinds([seen], 'active', { desired: [] })).toEqual([['unexpected', expect.any(String)]])
  expect(kinds([], 'active', { ledger: [] })).toEqual([['missing', expect.any(String)]])
})
