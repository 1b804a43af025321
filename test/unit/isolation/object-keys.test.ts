import { expect, test } from 'vitest'
import { keySegments } from '../../../isolation/mappers/object-store/keys.ts'

test.each(['a', 'a/b', 'ä/日本/x.tar.gz', '..a/b..', 'a b', '-rf', 'a/.freehold', `${'x'.repeat(255)}/y`])(
  'takes %j',
  (key) => {
    expect(keySegments(key).join('/')).toBe(key)
  },
)

test.each([
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  './a',
  'a/..',
  '../a',
  'a/../b',
  'a\\b',
  '..\\a',
  'a\0',
  'a\u0085',
  'a\ud800',
  '.freehold',
  '.freehold/area.json',
  '.Freehold-new-x',
  'x'.repeat(256),
  'ä'.repeat(128),
  `${'x/'.repeat(600)}x`,
])('refuses %j', (key) => {
  expect(() => keySegments(key)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
})
