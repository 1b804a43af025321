import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus'
import type { ServiceBusReceivedMessage } from '@azure/service-bus'
import { startBroker } from './broker.ts'

/** Rates of one client against the broker in a process of its own. */
export type ServiceBusRates = {
  messages: number
  /** Messages accepted, that is on disk, per second while only sending. */
  sentPerSecond: number
  /** Messages received and completed per second while only receiving. */
  completedPerSecond: number
  /** Messages per second when sending, receiving and completing run at the same time. */
  throughPerSecond: number
}

const topic = 'bench'
const subscription = 'all'
const batch = 100
const concurrentCalls = 500

async function send(client: ServiceBusClient, messages: number): Promise<void> {
  const sender = client.createSender(topic)
  const body = { text: 'x'.repeat(200) }
  for (let sent = 0; sent < messages; sent += batch) {
    const count = Math.min(batch, messages - sent)
    await sender.sendMessages(Array.from({ length: count }, (_, i) => ({ body, messageId: `${sent + i}` })))
  }
  await sender.close()
}

async function receive(client: ServiceBusClient, messages: number): Promise<void> {
  const receiver = client.createReceiver(topic, subscription)
  let completed = 0
  await new Promise<void>((resolve, reject) => {
    const processMessage = async (message: ServiceBusReceivedMessage) => {
      await receiver.completeMessage(message)
      if (++completed === messages) resolve()
    }
    const processError = async ({ error }: { error: Error }) => reject(error)
    receiver.subscribe(
      { processMessage, processError },
      { autoCompleteMessages: false, maxConcurrentCalls: concurrentCalls },
    )
  })
  await receiver.close()
}

/** Messages per second of some work on so many of them. */
async function rate(messages: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return Math.round(messages / ((performance.now() - start) / 1000))
}

/**
 * Sends, receives and completes `messages` messages of about 200 bytes through one unmodified client, sent in batches of
 * 100: first one after the other, then all at once.
 */
export async function benchServiceBus({ messages }: { messages: number }): Promise<ServiceBusRates> {
  const { namespace, stop } = await startBroker()
  try {
    const options = { tlsOptions: { ca: namespace.ca } }
    const admin = new ServiceBusAdministrationClient(namespace.adminConnectionString, options)
    await admin.createTopic(topic)
    await admin.createSubscription(topic, subscription)
    const client = new ServiceBusClient(namespace.connectionString)
    const sentPerSecond = await rate(messages, () => send(client, messages))
    const completedPerSecond = await rate(messages, () => receive(client, messages))
    const throughPerSecond = await rate(messages, () =>
      Promise.all([send(client, messages), receive(client, messages)]),
    )
    await client.close()
    return { messages, sentPerSecond, completedPerSecond, throughPerSecond }
  } finally {
    await stop()
  }
}
