import { expect, test } from 'vitest'
import { databaseIdentifier, databaseNames, environmentPattern, quoteIdentifier } from '../../../domain/names.ts'
import { failureOf } from './support.ts'

test('names of one placement', () => {
  expect(databaseNames('k3v9x2ab', 'pre-prod', 2)).toEqual({
    schema: 't_k3v9x2ab_pre_prod',
    ownerRole: 't_k3v9x2ab_pre_prod_2_owner',
    appRole: 't_k3v9x2ab_pre_prod_2_app',
  })
})

test.each(['a"b', "a'; drop table x;--", 'A', '1a', '', 'a b', 'a\u0000', 'a\n', 'ä', 'a.b', 'a'.repeat(64)])(
  '%j cannot be the name of a database object',
  (name) => {
    expect(failureOf(() => databaseIdentifier(name)).code).toBe('invalid_request')
    expect(failureOf(() => quoteIdentifier(name)).code).toBe('invalid_request')
  },
)

test('63 bytes are the bound, and the quoted form only adds quotes', () => {
  expect(quoteIdentifier('a'.repeat(63))).toBe(`"${'a'.repeat(63)}"`)
})

test('the longest environment of the highest placement still fits', () => {
  const { ownerRole } = databaseNames('abcdefgh', 'a'.repeat(12), 999_999_999)
  expect(ownerRole.length).toBeLessThanOrEqual(63)
})

test('two environments never share a schema', () => {
  const words = ['a', 'a-b', 'a-1', 'ab', 'a--b', 'a-b-1', 'prod', 'pro-d']
  for (const word of words) expect(word).toMatch(environmentPattern)
  expect(new Set(words.map((word) => databaseNames('abcdefgh', word, 1).schema)).size).toBe(words.length)
  expect('a_b').not.toMatch(environmentPattern)
})
