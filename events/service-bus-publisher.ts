import { ServiceBusClient, type ServiceBusMessage, type ServiceBusSender } from '@azure/service-bus'
import { LRUCache } from 'lru-cache'
import { FreeholdError } from '../domain/errors.ts'
import { busEndpoint } from '../base/bus-endpoint.ts'
import type { ResolveSecret } from '../base/secret-reference.ts'
import { concernsBus, type Address, type Message, type Publisher, type PublishFailure } from './publisher.ts'
import { failureOf } from './service-bus-failure.ts'

/** Senders of one connection: opening gets slower with each, and a connection holds 4,999. */
const maxSenders = 250
/** A batch is one transfer, whatever larger one the tier would take. */
const maxBatch = { messages: 250, bytes: 512_000 }

type Connection = { client: ServiceBusClient; senders: LRUCache<string, ServiceBusSender> }

/**
 * Publishes to Service Bus: one connection for each bus, and a limited number of senders on it. The client tries nothing
 * again by itself, because the relay knows better when to. After a failure what it concerned is opened anew, with the
 * credential as it is then.
 * @param sendTimeoutMs how long one batch may take
 */
export function createServiceBusPublisher(
  resolveSecret: ResolveSecret,
  { sendTimeoutMs }: { sendTimeoutMs: number },
): Publisher {
  const connections = new Map<string, Promise<Connection>>()

  async function connect({ bus, credential }: Address): Promise<Connection> {
    const connectionString = await resolveSecret(credential)
    busEndpoint(connectionString, `the credential of bus "${bus}"`)
    const client = new ServiceBusClient(connectionString, {
      retryOptions: { maxRetries: 0, timeoutInMs: sendTimeoutMs },
    })
    const senders = new LRUCache<string, ServiceBusSender>({
      max: maxSenders,
      dispose: (sender) => void sender.close().catch(ignore),
    })
    return { client, senders }
  }

  function connectionTo(address: Address): Promise<Connection> {
    const connecting = connections.get(address.bus) ?? connect(address)
    connections.set(address.bus, connecting)
    return connecting
  }

  /** Lets go of what failed; what hangs in closing is not waited for. */
  async function drop(
    { bus, topic }: Address,
    connecting: Promise<Connection>,
    failure: PublishFailure,
  ): Promise<void> {
    if (failure.code === 'throttled') return
    const isOurs = connections.get(bus) === connecting
    if (concernsBus(failure) && isOurs) connections.delete(bus)
    const connection = await connecting.catch(ignore)
    if (concernsBus(failure)) connection?.client.close().catch(ignore)
    else connection?.senders.delete(topic)
  }

  return {
    async publish(address, messages, mayGoOn) {
      const connecting = connectionTo(address)
      let sent = 0
      try {
        const sender = senderOf(await connecting, address.topic)
        while (sent < messages.length && mayGoOn()) sent += await sendBatch(sender, messages, sent)
        return { sent }
      } catch (error) {
        const failure = failureOf(error, address)
        await drop(address, connecting, failure)
        return { sent, failure }
      }
    },

    async close() {
      const all = [...connections.values()]
      connections.clear()
      await Promise.all(all.map((connecting) => connecting.then(({ client }) => client.close()).catch(ignore)))
    },
  }
}

function senderOf({ client, senders }: Connection, topic: string): ServiceBusSender {
  const sender = senders.get(topic) ?? client.createSender(topic)
  senders.set(topic, sender)
  return sender
}

/** Sends as many messages as one batch takes and gives their number. Throws what the client throws. */
async function sendBatch(sender: ServiceBusSender, messages: readonly Message[], from: number): Promise<number> {
  const batch = await sender.createMessageBatch()
  for (const message of messages.slice(from, from + maxBatch.messages)) {
    if (batch.sizeInBytes > maxBatch.bytes || !batch.tryAddMessage(toServiceBus(message))) break
  }
  if (batch.count === 0)
    throw new FreeholdError('body_too_large', `message ${messages[from]?.id} is larger than the topic takes`)
  await sender.sendMessages(batch)
  return batch.count
}

function toServiceBus({ id, type, contentType, body, properties }: Message): ServiceBusMessage {
  return { messageId: id, subject: type, contentType, body, applicationProperties: { ...properties } }
}

function ignore(): undefined {
  return undefined
}
