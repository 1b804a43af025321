import { createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus'
import type { CreateSubscriptionOptions, CreateTopicOptions, ServiceBusReceiver } from '@azure/service-bus'
import { startServiceBus } from '../../../packages/service-bus-broker/broker.ts'
import type { RunningNamespace, ServiceBus, ServiceBusOptions } from '../../../packages/service-bus-broker/broker.ts'

/** A broker for one test file, with unmodified clients for it. `close` ends clients and broker and removes its files. */
export type TestBroker = {
  dataDir: string
  namespaces: RunningNamespace[]
  client: (connectionString?: string) => ServiceBusClient
  admin: (connectionString?: string) => ServiceBusAdministrationClient
  /** Makes a topic of a unique name with the subscription `all`. */
  topic: (topic?: CreateTopicOptions, subscription?: CreateSubscriptionOptions) => Promise<string>
  restart: () => Promise<void>
  close: () => Promise<void>
}

/** Starts a broker with one namespace, or those of the names given, on free ports of 127.0.0.1. */
export async function startBroker(
  options: Partial<Pick<ServiceBusOptions, 'limits'>> & { names?: string[] } = {},
): Promise<TestBroker> {
  const { names = ['test'], limits = {} } = options
  const dataDir = await mkdtemp(join(tmpdir(), 'freehold-service-bus-'))
  const faults: string[] = []
  let bus: ServiceBus
  let clients: ServiceBusClient[] = []
  let topics = 0
  const start = (ports: { amqpPort: number; adminPort: number }[]) =>
    startServiceBus({
      dataDir,
      limits,
      namespaces: names.map((name, i) => ({ name, ...(ports[i] ?? { amqpPort: 0, adminPort: 0 }) })),
      log: (message) => faults.push(message),
    })
  const closeClients = async () => {
    await Promise.all(clients.map((client) => client.close()))
    clients = []
  }
  bus = await start([])
  const broker: TestBroker = {
    dataDir,
    namespaces: bus.namespaces,
    client: (connectionString = bus.namespaces[0]?.connectionString ?? '') => {
      // The client retries what is refused for want of a valid token; a test wants the refusal.
      const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0 } })
      clients.push(client)
      return client
    },
    admin: (connectionString = bus.namespaces[0]?.adminConnectionString ?? '') =>
      new ServiceBusAdministrationClient(connectionString, { tlsOptions: { ca: bus.namespaces[0]?.ca ?? '' } }),
    topic: async (topic, subscription) => {
      const name = `topic-${++topics}`
      await broker.admin().createTopic(name, topic)
      await broker.admin().createSubscription(name, 'all', subscription)
      return name
    },
    restart: async () => {
      const before = bus.namespaces
      await closeClients()
      await bus.stop()
      bus = await start(before)
      broker.namespaces = bus.namespaces
    },
    close: async () => {
      await closeClients()
      await bus.stop()
      await rm(dataDir, { recursive: true, force: true })
      if (faults.length > 0) throw new Error(`The broker logged faults:\n${faults.join('\n')}`)
    },
  }
  return broker
}

/** Receives exactly `count` messages; fewer come back only when they do not arrive in time. */
export async function receive(receiver: ServiceBusReceiver, count: number) {
  const messages = []
  while (messages.length < count) {
    const some = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 10_000 })
    if (some.length === 0) break
    messages.push(...some)
  }
  return messages
}

/** Receives one message. Throws when none arrives. */
export async function receiveOne(receiver: ServiceBusReceiver) {
  const [message] = await receive(receiver, 1)
  if (!message) throw new Error('No message arrived.')
  return message
}

/** A moment without messages. */
export async function nothingLeft(receiver: ServiceBusReceiver): Promise<boolean> {
  return (await receiver.receiveMessages(1, { maxWaitTimeInMs: 200 })).length === 0
}

/** The same connection string with another key, as a tenant would get it. */
export function withKey(connectionString: string, name: string, key: string): string {
  return connectionString
    .replace(/SharedAccessKeyName=[^;]+/, `SharedAccessKeyName=${name}`)
    .replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${key}`)
}

/** A connection string with a token made in advance for a path, valid until `expiry` (seconds since 1970). */
export function withToken(connectionString: string, path: string, expiry: number, name: string, key: string): string {
  const endpoint = /Endpoint=sb:\/\/([^;/]+)/.exec(connectionString)?.[1] ?? ''
  const resource = encodeURIComponent(`sb://${endpoint}/${path}`)
  const signature = createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64')
  const token = `sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${name}`
  return `Endpoint=sb://${endpoint};SharedAccessSignature=SharedAccessSignature ${token};UseDevelopmentEmulator=true`
}

/** The key in a connection string. */
export function keyOf(connectionString: string): string {
  return /SharedAccessKey=([^;]+)/.exec(connectionString)?.[1] ?? ''
}
