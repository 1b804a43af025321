import { afterEach, expect, test, vi } from 'vitest'
import { readiness } from '../../../base/readiness.ts'

afterEach(() => void vi.useRealTimers())

test('says of each part whether it answers, and waits for none for ever', async () => {
  vi.useFakeTimers()
  const answers = readiness({
    there: async () => 'anything',
    refusing: async () => Promise.reject(new Error('connection refused')),
    silent: () => new Promise(() => undefined),
    throwing: () => {
      throw new Error('not even asked')
    },
  })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await answers).toEqual({ there: true, refusing: false, silent: false, throwing: false })
})
