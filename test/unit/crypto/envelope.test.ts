import { expect, test } from 'vitest'
import { newKey, open, seal, unwrapKey, wrapKey } from '../../../crypto/envelope.ts'
import { failureOf } from '../domain/support.ts'

const key = newKey()
const sealed = seal(key, 'secrets', 'secrets/t1/database-1/1', 'pässword')

test('opens what it sealed, and seals the same text differently each time', () => {
  expect(open(key, 'secrets', 'secrets/t1/database-1/1', sealed)).toBe('pässword')
  expect(seal(key, 'secrets', 'secrets/t1/database-1/1', 'pässword')).not.toEqual(sealed)
  expect(open(key, 'fields', 'c', seal(key, 'fields', 'c', ''))).toBe('')
})

test.each([
  ['another context', () => open(key, 'secrets', 'secrets/t2/database-1/1', sealed)],
  ['another purpose', () => open(key, 'fields', 'secrets/t1/database-1/1', sealed)],
  ['another key', () => open(newKey(), 'secrets', 'secrets/t1/database-1/1', sealed)],
  ['fewer bytes than a tag', () => open(key, 'secrets', 'secrets/t1/database-1/1', sealed.subarray(0, 16))],
  ['no bytes', () => open(key, 'secrets', 'secrets/t1/database-1/1', Buffer.alloc(0))],
])('does not open with %s', (_, run) => {
  expect(failureOf(run).code).toBe('secret_unreadable')
})

test('does not open when any single byte was changed', () => {
  for (let index = 0; index < sealed.length; index += 1) {
    const changed = Buffer.from(sealed)
    changed[index] = (changed[index] ?? 0) ^ 1
    expect(failureOf(() => open(key, 'secrets', 'secrets/t1/database-1/1', changed)).code).toBe('secret_unreadable')
  }
})

test('a tag cut short does not open', () => {
  const cut = sealed.subarray(0, 20)
  expect(failureOf(() => open(key, 'secrets', 'secrets/t1/database-1/1', cut)).code).toBe('secret_unreadable')
})

test('wraps a tenant key as RFC 3394 says (test vector 4.6)', () => {
  const platformKey = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')
  const tenantKey = Buffer.from('00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f', 'hex')
  const wrapped = '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21'
  expect(wrapKey(platformKey, tenantKey).toString('hex')).toBe(wrapped)
  expect(unwrapKey(platformKey, Buffer.from(wrapped, 'hex'))).toEqual(tenantKey)
})

test('a key wrapped with another platform key, or changed, does not unwrap', () => {
  const wrapped = wrapKey(key, newKey())
  expect(failureOf(() => unwrapKey(newKey(), wrapped)).code).toBe('secret_unreadable')
  expect(failureOf(() => unwrapKey(key, wrapped.subarray(8))).code).toBe('secret_unreadable')
})
