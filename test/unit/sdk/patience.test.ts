import { expect, test } from 'vitest'
import { createPatience, pauseMs } from '../../../packages/sdk/database/patience.ts'

test('pauses begin with a millisecond, and stay short for as long as a cut takes', () => {
  expect(pauseMs(0, 0, 0)).toBe(1)
  expect(pauseMs(0, 0, 1)).toBe(2)
  const pauses = Array.from({ length: 20 }, (_, n) => pauseMs(n, 300, 1))
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
  expect(Math.max(...pauses)).toBe(40)
  expect(pauses.findIndex((ms) => ms === 40)).toBeGreaterThan(5)
})

test('whoever waits for long asks less often', () => {
  expect(pauseMs(50, 10_000, 1)).toBe(1_000)
  expect(pauseMs(50, 10_000, 0)).toBe(500)
})

test('a wait ends with its time, or at once with its signal', async () => {
  const never = () => () => {}
  expect(await createPatience(0, undefined).next(never)).toBe(false)
  expect(await createPatience(5_000, undefined).next(never)).toBe(true)
  const reason = new Error('enough')
  await expect(createPatience(5_000, AbortSignal.abort(reason)).next(never)).rejects.toBe(reason)
})

test('a pause ends when there is something new, and nobody is told afterwards', async () => {
  const wakers = new Set<() => void>()
  const patience = createPatience(60_000, undefined)
  const began = performance.now()
  let told = 0
  for (let pauses = 0; pauses < 200; pauses += 1)
    await patience.next((wake) => {
      wakers.add(wake)
      queueMicrotask(() => {
        told += wakers.size
        wake()
      })
      return () => wakers.delete(wake)
    })
  expect(performance.now() - began).toBeLessThan(2_000)
  expect([told, wakers.size]).toEqual([200, 0])
})
