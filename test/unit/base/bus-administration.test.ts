import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import type { ServiceBusAdministrationClient } from '@azure/service-bus'
import { expect, onTestFinished, test } from 'vitest'
import { createBusAdministration, type ManagedBus } from '../../../base/bus-administration.ts'

function busOf(name: string, { key = 'a2V5', port = 1 } = {}): ManagedBus {
  const management = `Endpoint=sb://127.0.0.1:${port}/;SharedAccessKeyName=root;SharedAccessKey=${key}`
  return { name, management, callsPerSecond: 3 }
}

test('a bus has one client for as long as its credential is the same', async () => {
  const manage = createBusAdministration()
  const clients = new Set<ServiceBusAdministrationClient>()
  for (const bus of [busOf('one'), busOf('one'), busOf('two'), busOf('one', { key: 'b3RoZXI=' })])
    await manage(bus, async (client) => clients.add(client))
  expect(clients.size).toBe(3)
})

test('work whose signal is aborted ends at once with its reason, though the bus never answers', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const manage = createBusAdministration()
  const controller = new AbortController()
  const connected = once(silent, 'connection')
  const asked = manage(busOf('mute', { port }), (client) => client.getTopic('any'), controller.signal)
  const [socket] = await connected
  const closed = once(socket, 'close')
  controller.abort(new Error('stop here'))
  await expect(asked).rejects.toThrow('stop here')
  await closed
  const never = manage(busOf('mute', { port }), async () => 'asked', controller.signal)
  await expect(never).rejects.toThrow('stop here')
})
