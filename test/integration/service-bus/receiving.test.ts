import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nothingLeft, receive, receiveOne, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

/** A topic whose subscription has these options, a client, and so many messages already sent: 1, 2, … */
async function filled(count: number, options: Parameters<TestBroker['topic']>[1] = {}) {
  const topic = await broker.topic({}, options)
  const client = broker.client()
  await client.createSender(topic).sendMessages(Array.from({ length: count }, (_, i) => ({ body: i + 1 })))
  return { topic, client, receiver: client.createReceiver(topic, 'all', { maxAutoLockRenewalDurationInMs: 0 }) }
}

describe('receiving', () => {
  test('a completed message is gone, others stay', async () => {
    const { receiver, topic } = await filled(2)
    const [first] = await receive(receiver, 2)
    if (!first) throw new Error('nothing arrived')
    await receiver.completeMessage(first)
    const counts = await broker.admin().getSubscriptionRuntimeProperties(topic, 'all')
    expect(counts.activeMessageCount).toBe(1)
  })

  test('receiveAndDelete takes messages away at once', async () => {
    const { client, topic } = await filled(3)
    const receiver = client.createReceiver(topic, 'all', { receiveMode: 'receiveAndDelete' })
    expect((await receive(receiver, 3)).map(({ body }) => body)).toEqual([1, 2, 3])
    expect((await broker.admin().getSubscriptionRuntimeProperties(topic, 'all')).totalMessageCount).toBe(0)
  })

  test('an abandoned message comes back first, counted, with the properties it was given', async () => {
    const { receiver } = await filled(2)
    await receiver.abandonMessage(await receiveOne(receiver), { seen: 'once' })
    const again = await receiveOne(receiver)
    expect(again).toMatchObject({ body: 1, deliveryCount: 1, applicationProperties: { seen: 'once' } })
  })

  test('a deferred message comes only when it is asked for by number', async () => {
    const { receiver } = await filled(2)
    const first = await receiveOne(receiver)
    await receiver.deferMessage(first)
    expect((await receiveOne(receiver)).body).toBe(2)
    if (!first.sequenceNumber) throw new Error('no sequence number')
    const [deferred] = await receiver.receiveDeferredMessages(first.sequenceNumber)
    expect(deferred).toMatchObject({ body: 1, state: 'deferred' })
    if (!deferred) throw new Error('the deferred message is gone')
    await receiver.completeMessage(deferred)
    await expect(receiver.receiveDeferredMessages(first.sequenceNumber)).rejects.toMatchObject({
      code: 'MessageNotFound',
    })
  })

  test('a deferred message can be abandoned, deferred again and dead-lettered', async () => {
    const { receiver, client, topic } = await filled(1)
    const first = await receiveOne(receiver)
    await receiver.deferMessage(first)
    const number = first.sequenceNumber
    if (!number) throw new Error('no sequence number')
    const take = async () => {
      const [message] = await receiver.receiveDeferredMessages(number)
      if (!message) throw new Error('the deferred message is gone')
      return message
    }
    await receiver.abandonMessage(await take())
    await receiver.deferMessage(await take())
    await receiver.deadLetterMessage(await take(), { deadLetterReason: 'late', deadLetterErrorDescription: 'too late' })
    const dead = client.createReceiver(topic, 'all', { subQueueType: 'deadLetter' })
    expect(await receiveOne(dead)).toMatchObject({
      body: 1,
      deadLetterReason: 'late',
      deadLetterErrorDescription: 'too late',
    })
  })

  test('a dead-lettered message is in the dead letters with its reason and properties', async () => {
    const { receiver, client, topic } = await filled(1)
    await receiver.deadLetterMessage(await receiveOne(receiver), {
      deadLetterReason: 'bad',
      deadLetterErrorDescription: 'it is bad',
      custom: 'kept',
    })
    const dead = client.createReceiver(topic, 'all', { subQueueType: 'deadLetter', receiveMode: 'receiveAndDelete' })
    expect(await receiveOne(dead)).toMatchObject({
      body: 1,
      deadLetterReason: 'bad',
      deadLetterErrorDescription: 'it is bad',
      deadLetterSource: topic,
      applicationProperties: { custom: 'kept' },
    })
    expect(await nothingLeft(dead)).toBe(true)
  })

  test('dead letters can be locked and completed, not dead-lettered again', async () => {
    const { receiver, client, topic } = await filled(1)
    await receiver.deadLetterMessage(await receiveOne(receiver))
    const dead = client.createReceiver(topic, 'all', { subQueueType: 'deadLetter' })
    const message = await receiveOne(dead)
    await expect(dead.deadLetterMessage(message)).rejects.toThrow(/dead-lettered already/)
    expect((await broker.admin().getSubscriptionRuntimeProperties(topic, 'all')).deadLetterMessageCount).toBe(1)
  })

  test('a message that is abandoned too often goes to the dead letters', async () => {
    const { receiver, client, topic } = await filled(1, { maxDeliveryCount: 2 })
    await receiver.abandonMessage(await receiveOne(receiver))
    await receiver.abandonMessage(await receiveOne(receiver))
    const dead = client.createReceiver(topic, 'all', { subQueueType: 'deadLetter' })
    expect(await receiveOne(dead)).toMatchObject({ body: 1, deadLetterReason: 'MaxDeliveryCountExceeded' })
  })

  test('a lock that ran out is lost: the message comes again, and the old delivery cannot be settled', async () => {
    const { receiver, client, topic } = await filled(1, { lockDuration: 'PT1S' })
    const first = await receiveOne(receiver)
    const again = await receiveOne(client.createReceiver(topic, 'all', { maxAutoLockRenewalDurationInMs: 0 }))
    expect(again).toMatchObject({ body: 1, deliveryCount: 1 })
    await expect(receiver.completeMessage(first)).rejects.toMatchObject({ code: 'MessageLockLost' })
    await expect(receiver.renewMessageLock(first)).rejects.toMatchObject({ code: 'MessageLockLost' })
  })

  test('a renewed lock lasts', async () => {
    const { receiver, client, topic } = await filled(1, { lockDuration: 'PT3S' })
    const message = await receiveOne(receiver)
    const before = message.lockedUntilUtc
    if (!before) throw new Error('no lock')
    const other = client.createReceiver(topic, 'all', { maxAutoLockRenewalDurationInMs: 0 })
    while (Date.now() < before.getTime() + 500) {
      await receiver.renewMessageLock(message)
      expect(await nothingLeft(other)).toBe(true)
    }
    await receiver.completeMessage(message)
  })

  test('the client renews locks by itself', async () => {
    const { client, topic } = await filled(1, { lockDuration: 'PT3S' })
    const receiver = client.createReceiver(topic, 'all')
    const message = await receiveOne(receiver)
    const other = client.createReceiver(topic, 'all')
    const end = (message.lockedUntilUtc?.getTime() ?? 0) + 500
    while (Date.now() < end) expect(await nothingLeft(other)).toBe(true)
    await receiver.completeMessage(message)
  })

  test('peeking sees active, locked and deferred messages and changes nothing', async () => {
    const { receiver } = await filled(3)
    await receiver.deferMessage(await receiveOne(receiver))
    await receiveOne(receiver)
    const peeked = await receiver.peekMessages(10)
    expect(peeked.map(({ body, state }) => [body, state])).toEqual([
      [1, 'deferred'],
      [2, 'active'],
      [3, 'active'],
    ])
    expect(await receiver.peekMessages(10)).toEqual([])
    expect((await receiveOne(receiver)).body).toBe(3)
  })

  test('an expired message vanishes, or goes to the dead letters where the subscription says so', async () => {
    const vanishing = await broker.topic()
    const kept = await broker.topic({}, { deadLetteringOnMessageExpiration: true })
    const client = broker.client()
    for (const topic of [vanishing, kept]) await client.createSender(topic).sendMessages({ body: 1, timeToLive: 200 })
    const dead = client.createReceiver(kept, 'all', { subQueueType: 'deadLetter' })
    expect(await receiveOne(dead)).toMatchObject({ body: 1, deadLetterReason: 'TTLExpiredException' })
    await expect
      .poll(async () => (await broker.admin().getSubscriptionRuntimeProperties(vanishing, 'all')).totalMessageCount)
      .toBe(0)
  })

  test('the shortest of the times to live of message, topic and subscription counts', async () => {
    const byTopic = await broker.topic({ defaultMessageTimeToLive: 'PT0.2S' })
    const bySubscription = await broker.topic({}, { defaultMessageTimeToLive: 'PT0.2S' })
    for (const topic of [byTopic, bySubscription]) {
      await broker.client().createSender(topic).sendMessages({ body: 1, timeToLive: 60_000 })
      await expect
        .poll(async () => (await broker.admin().getSubscriptionRuntimeProperties(topic, 'all')).totalMessageCount)
        .toBe(0)
    }
  })

  test('two receivers share the messages, none gets one twice', async () => {
    const { client, topic } = await filled(200)
    const receivers = [client.createReceiver(topic, 'all'), client.createReceiver(topic, 'all')]
    const bodies: unknown[] = []
    await Promise.all(
      receivers.map(async (receiver) => {
        while (bodies.length < 200) {
          for (const message of await receiver.receiveMessages(20, { maxWaitTimeInMs: 500 })) {
            bodies.push(message.body)
            await receiver.completeMessage(message)
          }
        }
      }),
    )
    expect(bodies.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
  })

  test('a subscriber gets messages as they come, more than fit into any buffer', async () => {
    const { client, topic } = await filled(0)
    const receiver = client.createReceiver(topic, 'all')
    const total = 20_000
    const bodies: number[] = []
    const all = new Promise<void>((resolve, reject) => {
      const processMessage = async ({ body }: { body: number }) => {
        if (bodies.push(body) === total) resolve()
      }
      const processError = async ({ error }: { error: Error }) => reject(error)
      receiver.subscribe({ processMessage, processError }, { maxConcurrentCalls: 50 })
    })
    const sender = client.createSender(topic)
    for (let sent = 0; sent < total; sent += 500)
      await sender.sendMessages(Array.from({ length: 500 }, (_, i) => ({ body: sent + i })))
    await all
    expect(bodies).toEqual(Array.from({ length: total }, (_, i) => i))
    await expect
      .poll(async () => (await broker.admin().getSubscriptionRuntimeProperties(topic, 'all')).totalMessageCount)
      .toBe(0)
  })

  test('an unknown subscription is named in the error', async () => {
    const topic = await broker.topic()
    const receiver = broker.client().createReceiver(topic, 'nobody')
    await expect(receiver.receiveMessages(1)).rejects.toMatchObject({
      code: 'MessagingEntityNotFound',
      message: expect.stringMatching(/Subscriptions\/nobody/),
    })
  })
})
