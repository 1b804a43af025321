import { describe, expect, test, vi } from 'vitest'
import { cutSteps } from '../../../domain/relocation.ts'
import type { Breach } from '../../formal/invariants.ts'
import { type Safeguard, safeguards } from '../../formal/safeguards.ts'
import { search } from '../../formal/search.ts'
import type { Bounds } from '../../formal/state.ts'

// A search takes what it takes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

/** Small bounds that together let every actor do everything; `npm run formal` has larger ones. */
const writing: Bounds = { attempts: 1, clients: 1, cuts: 1, suspend: false, stop: false, claims: false }
const twice: Bounds = { attempts: 2, clients: 0, cuts: 2, suspend: false, stop: false, claims: false }
const latched: Bounds = { ...twice, suspend: true }
const claimed: Bounds = { ...twice, claims: true }
const stopping: Bounds = { attempts: 1, clients: 0, cuts: 2, suspend: true, stop: true, claims: false }

describe('with every safeguard nothing is broken, and every step is taken', () => {
  test.each<[string, Bounds, number]>([
    ['two workers in one cut and a client', { ...writing, attempts: 2 }, 25_000],
    ['two workers in two cuts, or a cut and its rollback, with suspend', latched, 50_000],
    ['one worker and a client in all that, and streams that stop', { ...stopping, clients: 1 }, 40_000],
    ['two workers in two cuts, with numbers of tries', claimed, 20_000],
    ['one worker and a client, with numbers of tries', { ...stopping, clients: 1, claims: true }, 30_000],
  ])('%s', (_, bounds, states) => {
    const { breach, untaken, ...found } = search(bounds)
    expect(breach).toBeUndefined()
    expect(untaken).toEqual([])
    expect(found.states).toBeGreaterThan(states)
  })
})

/** What is broken without one safeguard, and within which bounds the search sees it. */
const needed: [Safeguard, Breach, Bounds][] = [
  ['tableLock', 'I1', writing],
  ['freshMarker', 'I2', writing],
  ['markerWait', 'I4', stopping],
  ['sameConnection', 'I1', writing],
  ['deadMan', 'I4', twice],
  ['closeTrigger', 'I1', writing],
  ['closeSync', 'I1', twice],
  ['targetTrigger', 'I1', writing],
  ['openEpoch', 'I1', twice],
  ['openMarker', 'I2', writing],
  ['openSync', 'registry', twice],
  ['openLatch', 'suspend', latched],
  ['latchLate', 'suspend', latched],
  ['openClears', 'answer', twice],
  ['ownMove', 'answer', twice],
  ['giveUpOpen', 'answer', twice],
  ['publishGuard', 'registry', twice],
  ['resolveWaits', 'answer', twice],
  ['clearPermit', 'answer', twice],
  ['clearSuspended', 'answer', latched],
  ['resolveSync', 'answer', twice],
  ['superseded', 'answer', twice],
  ['retireFirst', 'I1', twice],
  ['retireGuard', 'answer', twice],
  ['undoGuard', 'answer', twice],
  ['undoAgain', 'answer', twice],
  ['undoLatch', 'suspend', latched],
  ['grantOnce', 'answer', twice],
  ['claimOrder', 'answer', claimed],
  ['takeBoth', 'answer', { ...claimed, cuts: 3 }],
  ['claimRefused', 'answer', claimed],
  ['resolveFirst', 'answer', twice],
  ['gateEpoch', 'epoch', writing],
  ['gateLock', 'epoch', writing],
  ['keyInsert', 'I3', writing],
  ['keyReplicated', 'I3', writing],
  ['commitTag', 'I2', writing],
  ['originNone', 'I3', writing],
  ['latchFirst', 'suspend', latched],
  ['suspendLock', 'I1', latched],
  ['suspendEpoch', 'answer', latched],
  ['suspendFollows', 'suspend', latched],
]

/** Safeguards that another one makes up for; without both something is broken. */
const covered: [Safeguard, Safeguard][] = [
  ['closeGuard', 'fenceCheck'],
  ['fenceCheck', 'closeGuard'],
  ['lockFirst', 'closeGuard'],
  ['openState', 'openEpoch'],
]

describe('without a safeguard the search finds what it is for', () => {
  test.each(needed)('%s: %s', (left, invariant, bounds) => {
    expect(search(bounds, [left]).breach?.invariant).toBe(invariant)
  })

  test.each(covered)('%s alone is covered by %s', (left, other) => {
    for (const bounds of [writing, twice]) expect(search(bounds, [left]).breach).toBeUndefined()
    expect(search(twice, [left, other]).breach).toBeDefined()
  })

  test('every safeguard has a row', () => {
    const rows = [...needed.map(([name]) => name), ...covered.map(([name]) => name)]
    expect(rows.toSorted()).toEqual(Object.keys(safeguards).toSorted())
  })
})

test('a trace names the steps of the cut as the product does', () => {
  const traces = (['retireFirst', 'publishGuard'] as const).flatMap((left) => search(twice, [left]).breach?.trace ?? [])
  const ofWorkers = traces.filter((name) => name.includes('[worker') && !/^(workflow|crash)/.test(name))
  const named = new Set(ofWorkers.map((name) => name.replace(/[: ].*/, '')))
  expect([...named].toSorted()).toEqual([...cutSteps].toSorted())
})

test.each([{ attempts: 4 }, { clients: 3 }, { cuts: 0 }, { cuts: Number.NaN }])(
  'bounds of %o have no room',
  (wrong) => {
    expect(() => search({ ...writing, ...wrong })).toThrow('1 to 3 attempts')
  },
)

test('a search that does not come to an end says so', () => {
  expect(() => search(writing, [], 100)).toThrow('more than 100 states')
})
