import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRotation } from '../../../packages/tenant-worker/topics/rotation.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const named = (...names: string[]) => new Map(names.map((name) => [name, name]))
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

test('every item gets its turn, no more at a time than there are slots', async () => {
  const served: string[] = []
  let [now, most] = [0, 0]
  const rotation = createRotation<string>(
    2,
    async (name) => {
      now += 1
      most = Math.max(most, now)
      served.push(name)
      await pause(10)
      now -= 1
    },
    () => 100,
  )
  rotation.set(named('a', 'b', 'c', 'd', 'e'))
  await vi.advanceTimersByTimeAsync(49)
  expect(served).toEqual(['a', 'b', 'c', 'd', 'e', 'a', 'b', 'c', 'd', 'e'])
  expect(most).toBe(2)
  const closed = rotation.close()
  await vi.advanceTimersByTimeAsync(100)
  await closed
  expect(served).toHaveLength(10)
})

test('an item knows whether others wait for its slot', async () => {
  const crowded: boolean[] = []
  const serve = async (_: string, isCrowded: boolean) => {
    crowded.push(isCrowded)
    await pause(10)
  }
  const rotation = createRotation<string>(2, serve, () => 100)
  rotation.set(named('a', 'b'))
  await vi.advanceTimersByTimeAsync(5)
  rotation.set(named('a', 'b', 'c'))
  await vi.advanceTimersByTimeAsync(10)
  expect(crowded).toEqual([false, false, true, true])
  const closed = rotation.close()
  await vi.advanceTimersByTimeAsync(100)
  await closed
})

test('one that fails waits longer each time and holds up nobody', async () => {
  const times: number[] = []
  let others = 0
  const rotation = createRotation<string>(
    1,
    async (name) => {
      if (name === 'bad') {
        times.push(Date.now())
        throw new Error('gone')
      }
      others += 1
      await pause(10)
    },
    (failures) => 100 * 2 ** failures,
  )
  rotation.set(named('bad', 'good'))
  await vi.advanceTimersByTimeAsync(1_300)
  const [first = 0, second = 0, third = 0] = times
  expect(times).toHaveLength(3)
  expect(second - first).toBeGreaterThanOrEqual(200)
  expect(third - second).toBeGreaterThanOrEqual(400)
  expect(others).toBeGreaterThan(120)
  rotation.set(named('good'))
  await vi.advanceTimersByTimeAsync(10_000)
  expect(times).toHaveLength(3)
  const closed = rotation.close()
  await vi.advanceTimersByTimeAsync(100)
  await closed
})
