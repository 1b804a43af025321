import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ServiceBusAdministrationClient } from '@azure/service-bus'
import { createBusAdministration, type ManagedBus } from '../../../base/bus-administration.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function busOf(name: string, key = 'a2V5'): ManagedBus {
  const management = `Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=root;SharedAccessKey=${key}`
  return { name, management, callsPerSecond: 3 }
}

/** Asks for a topic over a client whose requests end, behind everything else, in being counted. */
function counting() {
  const manage = createBusAdministration()
  const counts: Record<string, number> = {}
  const seen = new Set<ServiceBusAdministrationClient>()
  function ask(bus: ManagedBus): void {
    const answer = manage(bus, async (client) => {
      if (!seen.has(client))
        client.pipeline.addPolicy(
          {
            name: 'count',
            async sendRequest() {
              counts[bus.name] = (counts[bus.name] ?? 0) + 1
              throw new Error('counted')
            },
          },
          { afterPhase: 'Retry', afterPolicies: ['inTurn'] },
        )
      seen.add(client)
      await client.getTopic('any')
    })
    answer.catch(() => {})
  }
  return { ask, counts, clients: seen }
}

test('a bus is asked no more often than its rate, each for itself', async () => {
  const { ask, counts } = counting()
  for (let calls = 0; calls < 10; calls += 1) for (const name of ['one', 'two']) ask(busOf(name))
  await vi.advanceTimersByTimeAsync(500)
  expect(counts).toEqual({ one: 3, two: 3 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(counts).toEqual({ one: 6, two: 6 })
  await vi.advanceTimersByTimeAsync(10_000)
  expect(counts).toEqual({ one: 10, two: 10 })
})

test('a new credential makes a new client and keeps the rate', async () => {
  const { ask, counts, clients } = counting()
  for (let calls = 0; calls < 3; calls += 1) ask(busOf('one'))
  for (let calls = 0; calls < 3; calls += 1) ask(busOf('one', 'b3RoZXI='))
  await vi.advanceTimersByTimeAsync(500)
  expect(clients.size).toBe(2)
  expect(counts).toEqual({ one: 3 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(counts).toEqual({ one: 6 })
})
