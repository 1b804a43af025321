import { expect, test } from 'vitest'
import { canonicalText, chainHash, emptyHead, firstBrokenLink } from '../../../crypto/hash-chain.ts'

function chain(length: number) {
  let previousHash = emptyHead
  return Array.from({ length }, (_, index) => {
    const text = canonicalText({ index })
    const link = { seq: index + 1, previousHash, hash: chainHash(previousHash, text), text }
    previousHash = link.hash
    return link
  })
}
const links = chain(5)

test('an untouched chain holds, also an empty one and the beginning of one', () => {
  for (const length of [0, 1, 5]) expect(firstBrokenLink(links.slice(0, length))).toBeUndefined()
})

test('a changed link is found wherever it is', () => {
  for (const seq of [1, 3, 5])
    expect(firstBrokenLink(links.map((link) => (link.seq === seq ? { ...link, text: '{}' } : link)))).toBe(seq)
})

test('a changed link whose own hash was made to fit is found at the next one', () => {
  const forged = links.map((link) =>
    link.seq === 2 ? { ...link, text: '{}', hash: chainHash(link.previousHash, '{}') } : link,
  )
  expect(firstBrokenLink(forged)).toBe(3)
})

test('a removed link is found, also when the others were renumbered', () => {
  const removed = links.filter(({ seq }) => seq !== 2)
  expect(firstBrokenLink(removed)).toBe(3)
  expect(firstBrokenLink(removed.map((link, index) => ({ ...link, seq: index + 1 })))).toBe(2)
  expect(firstBrokenLink(links.slice(1))).toBe(2)
})

test('reordered links are found, also when renumbered', () => {
  const [first, second, third, ...rest] = links
  const reordered = [first, third, second, ...rest].filter((link) => link !== undefined)
  expect(firstBrokenLink(reordered)).toBe(3)
  expect(firstBrokenLink(reordered.map((link, index) => ({ ...link, seq: index + 1 })))).toBe(2)
})

test('the canonical text does not depend on the order of the fields', () => {
  expect(canonicalText({ b: 1, a: { d: null, c: 'ü' } })).toBe('{"a":{"c":"ü","d":null},"b":1}')
})
