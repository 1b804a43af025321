import { expect, test } from 'vitest'
import { leaks, suspects } from '../../support/leaks.ts'

/** As Freehold makes them: 32 random bytes in base64url, and in base64. */
const password = 'ejezz8G5u2C5yYOn4j5AxFEySBo05loR60jD7N8jv4k'
const key = 'Y0hvhm6hqdkDAfhgei5QbS7Jz/6UBuzpyGRf0c4nbJA='
const email = 'planted.person+tag@secret.example'

test.each([
  ['a password in a sentence', `login as x:${password} refused`, password],
  ['a password in hex', `\\x00${Buffer.from(`{"p":"${password}"}`).toString('hex')}`, password],
  ...[0, 1, 2].map((offset): [string, string, string] => [
    `a password in base64, ${offset} further`,
    JSON.stringify({ data: Buffer.from(`${'x'.repeat(offset)}{"password":"${password}"}`).toString('base64') }),
    password,
  ]),
  ['a key as it is', key, key],
  ['the bytes of a key in hex', Buffer.from(key, 'base64').toString('hex'), key],
  ['the bytes of a key in base64url', Buffer.from(key, 'base64').toString('base64url'), key],
  ['an address in a URL', `/find?who=${encodeURIComponent(email)}`, email],
])('%s is found', (_, text, secret) => {
  expect(leaks(text, { planted: secret, other: 'another-secret' })).toEqual(['planted'])
})

test('what is made at random is suspect wherever it stands, and so is a URL with a password', () => {
  expect(suspects(`{"msg":"using ${password}"} fh_${password}`)).toEqual([password, `fh_${password}`])
  expect(suspects('cannot reach postgresql://app:geheim@127.0.0.1:5432/x')).toEqual([
    'postgresql://app:geheim@127.0.0.1:5432/x',
  ])
})

test('ids, hashes and names are not', () => {
  const harmless = [
    '0198f2ab-7c1d-7e3f-8a5b-1234567890ab',
    'a'.repeat(64),
    'freehold_idempotency_records_deleted_total_',
    'http://127.0.0.1:7070/v1/operations/0198f2ab-7c1d-7e3f-8a5b-1234567890ab',
  ].join(' ')
  expect([...suspects(harmless), ...leaks(harmless, { password, key, email })]).toEqual([])
})
