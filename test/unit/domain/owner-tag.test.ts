import { expect, test } from 'vitest'
import { ownerTag, readOwnerTag } from '../../../domain/owner-tag.ts'

test('a tag says tenant and placement, and is read by that placement alone', () => {
  const tag = ownerTag('tenant-1', 2)
  expect(tag).toBe('{"freehold":"tenant-1","placement":2}')
  expect([2, 1, 0, undefined].map((placement) => readOwnerTag(tag, placement))).toEqual([
    'tenant-1',
    undefined,
    undefined,
    'tenant-1',
  ])
})

test('a tag without a placement is the tenant’s wherever it is', () => {
  expect(ownerTag('platform')).toBe('{"freehold":"platform"}')
  expect([0, 1, undefined].map((placement) => readOwnerTag('{"freehold":"t"}', placement))).toEqual(['t', 't', 't'])
})

test.each([null, undefined, '', 'hands off', '7', 'null', '{"freehold":7}', '{"freehold":"t","placement":-1}'])(
  'is no tag: %j',
  (text) => {
    expect(readOwnerTag(text, 1)).toBeUndefined()
  },
)
