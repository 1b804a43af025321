import { expect, test } from 'vitest'
import type { TenantSecrets } from '../../../isolation/mapper.ts'
import { renewSecret } from '../../../isolation/rotation.ts'

/** Secrets of which the write with this number fails, as when the process dies before it. */
function secrets(stored: Map<string, string>, failing = Infinity): TenantSecrets {
  let writes = 0
  const never = () => Promise.reject(new Error('not used'))
  return {
    read: async (name) => stored.get(name),
    async replace(name, value) {
      writes += 1
      if (writes === failing) throw new Error('died here')
      stored.set(name, value)
    },
    readOrCreate: never,
    list: never,
    destroy: never,
  }
}

let made = 0
const make = () => `value-${++made}`

test('one rotation renews once, the next one again', async () => {
  const stored = new Map([['password', 'old']])
  const first = await renewSecret(secrets(stored), 'password', 'rotation-1', make)
  expect(await renewSecret(secrets(stored), 'password', 'rotation-1', make)).toBe(first)
  expect(stored.get('password')).toBe(first)
  const second = await renewSecret(secrets(stored), 'password', 'rotation-2', make)
  expect(new Set(['old', first, second]).size).toBe(3)
  expect(stored.get('password')).toBe(second)
})

test.each([1, 2])('a run that dies before write %i is finished by the next, with one new value', async (failing) => {
  const stored = new Map([['password', 'old']])
  await expect(renewSecret(secrets(stored, failing), 'password', 'rotation', make)).rejects.toThrow('died here')
  const before = made
  const value = await renewSecret(secrets(stored), 'password', 'rotation', make)
  expect(stored.get('password')).toBe(value)
  expect(made - before).toBe(failing === 1 ? 1 : 0)
})
