import { expect, test } from 'vitest'
import { askingMs, governanceEndpoint, isOpenTo, isToBeAsked, type Verdict } from '../../../domain/governance.ts'
import { platformSchema } from '../../../domain/platform.ts'
import { governedCommands } from '../../../domain/policy.ts'
import { platform } from './support.ts'

const given = { url: 'https://governance.example/verdicts', secret: 'env:GOVERNANCE_SECRET' }
const endpoint = governanceEndpoint.parse(given)
const allowed: Verdict = { outcome: 'allow', message: '', reasons: [] }

test('it is asked about every command but suspend, fails closed, and takes its time within bounds', () => {
  expect(endpoint).toMatchObject({ timeoutMs: 5_000, retries: 3, onFailure: 'closed', commands: governedCommands })
  expect(isToBeAsked(endpoint, { command: 'suspend', verdict: null, state: 'active' })).toBe(false)
  expect(askingMs({ ...endpoint, timeoutMs: 1_000, retries: 2 })).toBe(3 * 1_000 + 200 + 400 + 10_000)
})

test.each([
  ['before it begins', 'purge', null, 'soft-deleted', true],
  ['not twice', 'purge', allowed, 'soft-deleted', false],
  ['not about what only goes forward and is half done', 'purge', null, 'purging', false],
  ['about a provision, whose tenant is born in its state', 'provision', null, 'provisioning', true],
  ['about what leaves the state alone', 'rotate-credentials', null, 'active', true],
] as const)('it is asked %s', (_, command, verdict, state, expected) => {
  expect(isToBeAsked(endpoint, { command, verdict, state })).toBe(expected)
})

test('only commands that the file names are asked about', () => {
  const one = governanceEndpoint.parse({ ...given, commands: ['purge'] })
  expect(isToBeAsked(one, { command: 'provision', verdict: null, state: 'provisioning' })).toBe(false)
})

test('without an answer a command goes on where the file says so', () => {
  const open = (more: object, command: 'provision' | 'purge') =>
    isOpenTo(governanceEndpoint.parse({ ...given, ...more }), command)
  expect([open({}, 'purge'), open({ onFailure: 'open' }, 'purge')]).toEqual([false, true])
  expect([open({ open: ['provision'] }, 'purge'), open({ open: ['provision'] }, 'provision')]).toEqual([false, true])
})

test.each([
  [{ ...given, url: 'ftp://governance.example' }, 'url'],
  [{ ...given, url: 'https://user:secret@governance.example' }, 'url'],
  [{ ...given, secret: 'hunter2' }, 'secret'],
  [{ ...given, commands: ['suspend'] }, 'commands.0'],
  [{ ...given, onFailure: 'maybe' }, 'onFailure'],
  [{ ...given, timeoutMs: 600_000 }, 'timeoutMs'],
])('what cannot be is refused with the place: %j', (value, path) => {
  expect(governanceEndpoint.safeParse(value).error?.issues[0]?.path.join('.')).toBe(path)
})

test('a platform has a governance topic, an endpoint, or both, and says so apart', () => {
  const { governanceEndpoint: _, ...file } = platform
  const bus = { name: 'bus-1', region: 'eu-west', profiles: ['mt-standard'], capacity: 1, credential: 'env:BUS' }
  const parse = (governance: object | undefined) => platformSchema.safeParse({ ...file, buses: [bus], governance })
  expect(parse({ endpoint: given }).data).toMatchObject({ governance: undefined, governanceEndpoint: endpoint })
  expect(parse({ bus: 'bus-1' }).data?.governance).toEqual({ bus: 'bus-1', topic: 'governance' })
  expect(parse({ bus: 'bus-1', endpoint: given }).data?.governanceEndpoint).toEqual(endpoint)
  expect(parse(undefined).data).toMatchObject({ governance: undefined, governanceEndpoint: undefined })
  expect(parse({}).error?.issues[0]?.message).toBe('names neither a bus nor an endpoint')
  expect(parse({ bus: 'bus-2' }).success).toBe(false)
})
