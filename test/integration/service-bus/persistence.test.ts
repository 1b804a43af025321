import { ServiceBusClient } from '@azure/service-bus'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nothingLeft, receive, receiveOne, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeEach(async () => {
  broker = await startBroker()
})
afterEach(() => broker.close())

describe('after a restart', () => {
  test('entities, keys, certificate and connection strings are the same', async () => {
    const authorizationRules = [{ claimType: 'SharedAccessKey', keyName: 'k', accessRights: ['Send' as const] }]
    const topic = await broker.topic({ authorizationRules, userMetadata: 'mine' }, { maxDeliveryCount: 4 })
    await broker.admin().createRule(topic, 'all', 'r', { sqlExpression: "a = 'b'" })
    const read = async () => {
      const rules = []
      for await (const rule of broker.admin().listRules(topic, 'all')) rules.push(rule)
      return [await broker.admin().getTopic(topic), await broker.admin().getSubscription(topic, 'all'), rules]
    }
    const before = [await read(), broker.namespaces]
    await broker.restart()
    expect([await read(), broker.namespaces]).toEqual(before)
  })

  test('messages are there in order, what was settled is not, and numbers go on', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    await client.createSender(topic).sendMessages([1, 2, 3, 4].map((body) => ({ body, messageId: `m${body}` })))
    const receiver = client.createReceiver(topic, 'all')
    const [first, second, third] = await receive(receiver, 3)
    if (!first || !second || !third) throw new Error('messages are missing')
    await receiver.completeMessage(first)
    await receiver.deadLetterMessage(second, { deadLetterReason: 'why', deadLetterErrorDescription: 'because' })
    // The third stays locked: a restart forgets locks.
    await broker.restart()
    const again = broker.client()
    await again.createSender(topic).sendMessages({ body: 5, messageId: 'm5' })
    const rest = await receive(again.createReceiver(topic, 'all', { receiveMode: 'receiveAndDelete' }), 3)
    expect(rest.map(({ body, messageId }) => [body, messageId])).toEqual([
      [3, 'm3'],
      [4, 'm4'],
      [5, 'm5'],
    ])
    const numbers = rest.map(({ sequenceNumber }) => sequenceNumber?.toNumber() ?? 0)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(new Set(numbers).size).toBe(3)
    const dead = again.createReceiver(topic, 'all', { subQueueType: 'deadLetter' })
    expect(await receiveOne(dead)).toMatchObject({ body: 2, deadLetterReason: 'why' })
  })

  test('delivery counts and deferred messages are kept', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    await client.createSender(topic).sendMessages([{ body: 1 }, { body: 2 }])
    const receiver = client.createReceiver(topic, 'all')
    const deferred = await receiveOne(receiver)
    await receiver.deferMessage(deferred)
    await receiver.abandonMessage(await receiveOne(receiver))
    await broker.restart()
    const again = broker.client().createReceiver(topic, 'all')
    expect(await receiveOne(again)).toMatchObject({ body: 2, deliveryCount: 1 })
    if (!deferred.sequenceNumber) throw new Error('no sequence number')
    const [message] = await again.receiveDeferredMessages(deferred.sequenceNumber)
    expect(message).toMatchObject({ body: 1 })
  })

  test('duplicates are still known, and what was scheduled still comes', async () => {
    const topic = await broker.topic({ requiresDuplicateDetection: true })
    const sender = broker.client().createSender(topic)
    const due = new Date(Date.now() + 1_500)
    await sender.scheduleMessages({ body: 'later', messageId: 'scheduled' }, due)
    await sender.sendMessages({ body: 'first', messageId: 'same' })
    await broker.restart()
    const client = broker.client()
    await client.createSender(topic).sendMessages({ body: 'again', messageId: 'same' })
    const receiver = client.createReceiver(topic, 'all')
    expect((await receive(receiver, 2)).map(({ body }) => body)).toEqual(['first', 'later'])
    expect(await nothingLeft(receiver)).toBe(true)
  })

  test('the state of a session is kept', async () => {
    const topic = await broker.topic({}, { requiresSession: true })
    const before = await broker.client().acceptSession(topic, 'all', 's')
    await before.setSessionState('half done')
    await broker.restart()
    const after = await broker.client().acceptSession(topic, 'all', 's')
    expect(await after.getSessionState()).toBe('half done')
  })

  test('a client that stays open goes on by itself', async () => {
    const topic = await broker.topic()
    const options = { retryOptions: { retryDelayInMs: 100, timeoutInMs: 2_000, maxRetries: 20 } }
    const client = new ServiceBusClient(broker.namespaces[0]?.connectionString ?? '', options)
    const sender = client.createSender(topic)
    await sender.sendMessages({ body: 1 })
    await broker.restart()
    await sender.sendMessages({ body: 2 })
    const messages = await receive(client.createReceiver(topic, 'all'), 2)
    expect(messages.map(({ body }) => body)).toEqual([1, 2])
    await client.close()
  })

  test('what was deleted stays deleted', async () => {
    const topic = await broker.topic()
    await broker.client().createSender(topic).sendMessages({ body: 1 })
    await broker.admin().deleteTopic(topic)
    await broker.restart()
    expect(await broker.admin().topicExists(topic)).toBe(false)
    await broker.admin().createTopic(topic)
    await broker.admin().createSubscription(topic, 'all')
    await broker.restart()
    expect(await nothingLeft(broker.client().createReceiver(topic, 'all'))).toBe(true)
  })
})
