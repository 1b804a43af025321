import { randomBytes } from 'node:crypto'
import { buffer as all } from 'node:stream/consumers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newKey } from '../../../crypto/envelope.ts'
import { openStream, sealStream } from '../../../crypto/sealed-stream.ts'

const key = newKey()
const context = 't1/archives/a/part'
const chunk = 256 * 1024

async function* of(...pieces: Uint8Array[]) {
  yield* pieces
}

const sealed = (plain: Uint8Array) => all(sealStream(key, context, of(plain)))
const opened = (bytes: Uint8Array, other = context) => all(openStream(key, other, of(bytes)))
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'opened',
    (error: { code?: string }) => error.code,
  )

test.each([0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 5])(
  '%i bytes come out as they went in',
  async (size) => {
    const plain = randomBytes(size)
    expect((await opened(await sealed(plain))).equals(plain)).toBe(true)
  },
)

test('however the bytes are cut on their way', async () => {
  const plain = randomBytes(chunk + 100)
  const bytes = await sealed(plain)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 6 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
      expect((await all(openStream(key, context, of(...pieces)))).equals(plain)).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('one bit changed anywhere is found', async () => {
  const bytes = await sealed(randomBytes(100))
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes)
    changed[index] = (changed[index] ?? 0) ^ 1
    expect(await codeOf(opened(changed))).toBe('archive_damaged')
  }
})

test('cut short anywhere, at the end of a chunk too, is found', async () => {
  const bytes = await sealed(randomBytes(2 * chunk + 100))
  const ends = [0, 3, 4, 35, 36, 36 + chunk, 36 + chunk + 16, 36 + 2 * (chunk + 16), bytes.length - 1]
  for (const end of ends) expect(await codeOf(opened(bytes.subarray(0, end)))).toBe('archive_damaged')
})

test('what was added, put in another order or in the place of another does not open', async () => {
  const bytes = await sealed(randomBytes(2 * chunk + 100))
  const [head, size] = [36, chunk + 16]
  const swapped = Buffer.concat([
    bytes.subarray(0, head),
    bytes.subarray(head + size, head + 2 * size),
    bytes.subarray(head, head + size),
    bytes.subarray(head + 2 * size),
  ])
  expect(await codeOf(opened(swapped))).toBe('archive_damaged')
  expect(await codeOf(opened(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe('archive_damaged')
  expect(await codeOf(opened(bytes, 't1/archives/b/part'))).toBe('archive_damaged')
  expect(await codeOf(all(openStream(newKey(), context, of(bytes))))).toBe('archive_damaged')
})

test('the same bytes are sealed differently each time, and are not to be seen', async () => {
  const plain = Buffer.from('to be kept secret')
  const [one, other] = [await sealed(plain), await sealed(plain)]
  expect(one.equals(other)).toBe(false)
  expect(one.includes(plain)).toBe(false)
})
