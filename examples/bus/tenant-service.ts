/**
 * A service of a tenant: one connection, with the tenant's own credentials, publishes to and receives from the tenant's own
 * topic, and no other. Only the plain client of Service Bus; nothing of Freehold.
 *
 *   npx freehold connect acme --bus -- npx node examples/bus/tenant-service.ts
 */
import { randomUUID } from 'node:crypto'
import { ServiceBusClient } from '@azure/service-bus'

const { SERVICE_BUS_CONNECTION_STRING, SERVICE_BUS_TOPIC, SERVICE_BUS_SUBSCRIPTION, TENANT_ID } = process.env
if (!SERVICE_BUS_CONNECTION_STRING || !SERVICE_BUS_TOPIC || !SERVICE_BUS_SUBSCRIPTION || !TENANT_ID) {
  console.error('start it with: npx freehold connect acme --bus -- npx node examples/bus/tenant-service.ts')
  process.exit(2)
}

const client = new ServiceBusClient(SERVICE_BUS_CONNECTION_STRING)
const messageId = randomUUID()
await client.createSender(SERVICE_BUS_TOPIC).sendMessages({
  messageId,
  subject: 'order.created',
  body: { order: 4711 },
  // Every message carries its tenant: the platform refuses one that does not.
  applicationProperties: { tenant: TENANT_ID },
})

const receiver = client.createReceiver(SERVICE_BUS_TOPIC, SERVICE_BUS_SUBSCRIPTION)
let isBack = false
while (!isBack) {
  const messages = await receiver.receiveMessages(20, { maxWaitTimeInMs: 10_000 })
  if (messages.length === 0) break
  for (const message of messages) {
    console.log(`${message.subject ?? 'message'} ${JSON.stringify(message.body)}`)
    await receiver.completeMessage(message)
    isBack ||= message.messageId === messageId
  }
}
await client.close()
process.exitCode = isBack ? 0 : 1
