import { expect, test } from 'vitest'
import {
  allowedCommands,
  assertTransition,
  commandsBeside,
  lifecycle,
  stateAfter,
  stateDuring,
  tenantStates,
  type Command,
} from '../../../domain/lifecycle.ts'
import { workflowId } from '../../../domain/operation.ts'
import { failureOf } from './support.ts'

const commands = Object.keys(lifecycle) as Command[]

test.each([
  ['provisioning', ['provision']],
  ['purging', []],
  ['purged', []],
] as const)('a tenant that is %s allows %j', (state, allowed) => {
  expect(allowedCommands(state)).toEqual(allowed)
})

test('a tenant that failed may be provisioned again or purged, and what this release cannot do is offered to nobody', () => {
  expect(allowedCommands('failed')).toEqual(expect.arrayContaining(['provision', 'purge']))
  const offered = new Set(tenantStates.flatMap(allowedCommands))
  expect([...offered].filter((command) => !lifecycle[command].available)).toEqual([])
})

const pairs = commands.flatMap((command) => tenantStates.map((state) => ({ command, state })))
const inTable = ({ command, state }: (typeof pairs)[number]) =>
  (lifecycle[command].from as readonly string[]).includes(state)

test('what the table lists is possible', () => {
  for (const { command, state } of pairs.filter(inTable))
    expect(() => assertTransition(command, state), `${command} from ${state}`).not.toThrow()
})

test('what the table does not list is refused', () => {
  const others = pairs.filter((pair) => !inTable(pair))
  expect(others.length).toBeGreaterThan(100)
  for (const { command, state } of others)
    expect(failureOf(() => assertTransition(command, state)).code).toBe('transition_not_allowed')
})

test('a refusal says what is possible instead', () => {
  const failure = failureOf(() => assertTransition('purge', 'active'))
  expect(failure.message).toContain('purge is not possible while the tenant is active')
  expect(failure.facts).toEqual({ state: 'active', allowed: allowedCommands('active') })
  expect(allowedCommands('active')).toContain('rotate-credentials')
  expect(allowedCommands('active')).not.toContain('purge')
})

test('nothing leads out of purged, and every other state has a way out or a command under way', () => {
  const leaving: string[] = commands.flatMap((command) => [lifecycle[command].through, ...lifecycle[command].from])
  for (const state of tenantStates) expect([state, leaving.includes(state)]).toEqual([state, state !== 'purged'])
})

test('suspend is possible beside whatever runs, but not beside what ends the tenant, and nothing else is', () => {
  for (const open of commands)
    expect([open, commandsBeside(open)]).toEqual([
      open,
      ['suspend', 'delete', 'purge'].includes(open) ? [] : ['suspend'],
    ])
})

test('suspend changes the state of a tenant that nobody else is changing, and leaves it to who is', () => {
  const facts = { found: 'active', putAside: null, suspended: true } as const
  expect(stateDuring('suspend', 'active')).toBe('suspending')
  expect(stateAfter('suspend', 'succeeded', { ...facts, state: 'suspending' })).toBe('suspended')
  for (const state of ['provisioning', 'resuming', 'restoring', 'failed'] as const) {
    expect(stateDuring('suspend', state)).toBe(state)
    expect(stateAfter('suspend', 'succeeded', { ...facts, state })).toBe(state)
  }
})

test('the latch outlives every other operation: what would be active is suspended', () => {
  for (const command of ['provision', 'resume', 'undelete'] as const) {
    const facts = { state: 'restoring', found: 'suspended', putAside: 'active' } as const
    expect(stateAfter(command, 'succeeded', { ...facts, suspended: true })).toBe('suspended')
    expect(stateAfter(command, 'succeeded', { ...facts, suspended: false })).toBe('active')
  }
})

test('each attempt has a workflow id of its own, the first without a number', () => {
  expect(workflowId({ kind: 'provision', id: 'op1', attempt: 1 })).toBe('provision/op1')
  expect(workflowId({ kind: 'provision', id: 'op1', attempt: 2 })).toBe('provision/op1/2')
})
