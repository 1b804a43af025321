import { ServiceBusClient } from '@azure/service-bus'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nothingLeft, receive, receiveOne, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

describe('sending', () => {
  test('a message arrives with everything its sender gave it', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    await client.createSender(topic).sendMessages({
      body: { order: 7 },
      messageId: 'order-7',
      subject: 'created',
      correlationId: 'c-1',
      contentType: 'application/json',
      to: 'somebody',
      replyTo: 'me',
      partitionKey: 'p',
      timeToLive: 60_000,
      applicationProperties: { text: 'ä', number: 1.5, flag: true, zero: 0 },
    })
    const message = await receiveOne(client.createReceiver(topic, 'all'))
    expect(message).toMatchObject({
      body: { order: 7 },
      messageId: 'order-7',
      subject: 'created',
      correlationId: 'c-1',
      contentType: 'application/json',
      to: 'somebody',
      replyTo: 'me',
      partitionKey: 'p',
      timeToLive: 60_000,
      deliveryCount: 0,
      state: 'active',
      applicationProperties: { text: 'ä', number: 1.5, flag: true, zero: 0 },
    })
    expect(message.sequenceNumber?.toNumber()).toBeGreaterThan(0)
    expect(message.enqueuedTimeUtc).toBeInstanceOf(Date)
  })

  test('an array and a batch arrive in order, and messages without an id get one', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    const sender = client.createSender(topic)
    await sender.sendMessages([{ body: 1 }, { body: 2 }])
    const batch = await sender.createMessageBatch()
    expect(batch.maxSizeInBytes).toBe(262_144)
    expect(batch.tryAddMessage({ body: 3 })).toBe(true)
    expect(batch.tryAddMessage({ body: 4 })).toBe(true)
    await sender.sendMessages(batch)
    const messages = await receive(client.createReceiver(topic, 'all'), 4)
    expect(messages.map(({ body }) => body)).toEqual([1, 2, 3, 4])
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(4)
  })

  test('every subscription gets its own copy', async () => {
    const topic = await broker.topic()
    await broker.admin().createSubscription(topic, 'second')
    const client = broker.client()
    await client.createSender(topic).sendMessages({ body: 'both' })
    for (const subscription of ['all', 'second']) {
      const receiver = client.createReceiver(topic, subscription)
      const message = await receiveOne(receiver)
      expect(message.body).toBe('both')
      await receiver.completeMessage(message)
    }
  })

  test('with duplicate detection a repeated id is accepted and dropped', async () => {
    const topic = await broker.topic({ requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: 'PT1M' })
    const client = broker.client()
    const sender = client.createSender(topic)
    await sender.sendMessages({ body: 'first', messageId: 'same' })
    await sender.sendMessages([
      { body: 'again', messageId: 'same' },
      { body: 'other', messageId: 'other' },
    ])
    const receiver = client.createReceiver(topic, 'all')
    expect((await receive(receiver, 2)).map(({ body }) => body)).toEqual(['first', 'other'])
    expect(await nothingLeft(receiver)).toBe(true)
  })

  test('an id may be used again once its window is over', async () => {
    const topic = await broker.topic({ requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: 'PT1S' })
    const client = broker.client()
    const sender = client.createSender(topic)
    const receiver = client.createReceiver(topic, 'all', { receiveMode: 'receiveAndDelete' })
    await sender.sendMessages({ body: 0, messageId: 'same' })
    await receiveOne(receiver)
    await expect
      .poll(
        async () => {
          await sender.sendMessages({ body: 1, messageId: 'same' })
          return !(await nothingLeft(receiver))
        },
        { timeout: 20_000 },
      )
      .toBe(true)
  })

  test('a message over the limit is refused and the link still works', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    const sender = client.createSender(topic)
    await expect(sender.sendMessages({ body: 'x'.repeat(300_000) })).rejects.toMatchObject({
      code: 'MessageSizeExceeded',
    })
    const scheduled = sender.scheduleMessages({ body: 'x'.repeat(300_000) }, new Date())
    await expect(scheduled).rejects.toMatchObject({ code: 'MessageSizeExceeded' })
    await sender.sendMessages({ body: 'x'.repeat(200_000) })
    const message = await receiveOne(client.createReceiver(topic, 'all'))
    expect(message.body).toHaveLength(200_000)
  })

  test('an unknown topic, and a subscription as a target, are named in the error', async () => {
    const client = broker.client()
    const unknown = client.createSender('nowhere').sendMessages({ body: 1 })
    await expect(unknown).rejects.toMatchObject({
      code: 'MessagingEntityNotFound',
      message: expect.stringMatching(/'nowhere'/),
    })
    const topic = await broker.topic()
    const target = client.createSender(`${topic}/Subscriptions/all`).sendMessages({ body: 1 })
    await expect(target).rejects.toThrow(/sent to a topic/)
  })

  test('a topic deleted under an open sender is reported as not found', async () => {
    const topic = await broker.topic()
    // What is on the way when the link goes is only given up when its time is over.
    const client = new ServiceBusClient(broker.namespaces[0]?.connectionString ?? '', {
      retryOptions: { maxRetries: 0, timeoutInMs: 2_000 },
    })
    const sender = client.createSender(topic)
    await sender.sendMessages({ body: 1 })
    await broker.admin().deleteTopic(topic)
    const code = () =>
      sender.sendMessages({ body: 2 }).then(
        () => 'accepted',
        (error) => error.code,
      )
    await expect.poll(code, { timeout: 20_000 }).toBe('MessagingEntityNotFound')
    await client.close()
  })
})
