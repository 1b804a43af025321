import { expect, test } from 'vitest'
import { readToken, signToken } from '../../../crypto/scoped-token.ts'
import { newApiKey, newCode, newPassword, sha256, weigh } from '../../../crypto/tokens.ts'
import { codePattern } from '../../../domain/names.ts'

test('tenant codes have the form that physical names rely on', () => {
  for (let index = 0; index < 500; index += 1) expect(newCode()).toMatch(codePattern)
})

test('API keys and passwords are 256 random bits that need no escaping', () => {
  expect(newApiKey()).toMatch(/^fh_[A-Za-z0-9_-]{43}$/)
  expect(newPassword()).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(newPassword()).not.toBe(newPassword())
})

test('hashes are those of everybody else', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(weigh('abc')).toBe(0xba7816bf8f01)
})

test('a token gives its claims back only whole and only to its key', () => {
  const token = signToken('key', { prefix: 'tenants/a/' })
  expect(readToken('key', token)).toEqual({ prefix: 'tenants/a/' })
  const [body = '', signature = ''] = token.split('.')
  const other = signToken('key', { prefix: 'tenants/b/' }).split('.')[0] ?? ''
  for (const forged of [
    `${other}.${signature}`,
    body,
    `${body}.`,
    `${token}.x`,
    '',
    '.',
    `${body}.${signature.slice(4)}`,
  ])
    expect(readToken('key', forged)).toBeUndefined()
  expect(readToken('other', token)).toBeUndefined()
})
