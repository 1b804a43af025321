import { expect, test } from 'vitest'
import { createTokenBucket, type Clock } from '../../../isolation/move/token-bucket.ts'

const { signal } = new AbortController()

/** A clock that stands still, but for who sleeps: `slept` says how long each. */
function fakeClock() {
  let time = 1_000
  const slept: number[] = []
  const clock: Clock = {
    now: () => time,
    sleep: async (ms, aborted) => {
      aborted.throwIfAborted()
      slept.push(ms)
      time += ms
    },
  }
  return { clock, slept, pass: (ms: number) => (time += ms), passed: () => time - 1_000 }
}

test('bytes pass at the rate of the limit, after a first burst', async () => {
  const { clock, passed } = fakeClock()
  const bucket = createTokenBucket(1_000, clock)
  for (let n = 0; n < 50; n += 1) await bucket.take(100, signal)
  // 5,000 bytes at 1,000 a second: less the burst, and the last piece is paid for by whoever comes next.
  expect(passed()).toBe(5_000 - 100 - 100)
})

test('what was not used for long gives no more than one burst', async () => {
  const { clock, slept, pass } = fakeClock()
  const bucket = createTokenBucket(1_000, clock)
  await bucket.take(100, signal)
  pass(60_000)
  for (let n = 0; n < 4; n += 1) await bucket.take(100, signal)
  expect(slept).toEqual([100, 100])
})

test('a piece larger than the bucket passes, and the next one waits for it', async () => {
  const { clock, slept } = fakeClock()
  const bucket = createTokenBucket(1_000, clock)
  await bucket.take(10_000, signal)
  await bucket.take(1, signal)
  expect(slept).toEqual([9_900])
})

test('two who share a bucket share its limit', async () => {
  const waits: number[] = []
  const bucket = createTokenBucket(1_000, { now: () => 0, sleep: async (ms) => void waits.push(ms) })
  await Promise.all([bucket.take(1_000, signal), bucket.take(1_000, signal), bucket.take(1_000, signal)])
  expect(waits).toEqual([900, 1_900])
})

test('without a limit nobody waits; a limit that lets nothing pass is refused', async () => {
  const { clock, slept } = fakeClock()
  const bucket = createTokenBucket(undefined, clock)
  for (let n = 0; n < 10; n += 1) await bucket.take(1e12, signal)
  expect(slept).toEqual([])
  expect(() => createTokenBucket(0)).toThrow(RangeError)
  expect(() => createTokenBucket(Number.NaN)).toThrow(RangeError)
})

test('who is aborted waits no longer, with or without a limit', async () => {
  const reason = new Error('enough')
  const own = new AbortController()
  const bucket = createTokenBucket(1)
  await bucket.take(1_000_000, own.signal)
  const waiting = bucket.take(1, own.signal)
  own.abort(reason)
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError', cause: reason })
  await expect(createTokenBucket(undefined).take(1, own.signal)).rejects.toBe(reason)
})
