import { ServiceBusClient } from '@azure/service-bus'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nothingLeft, receive, receiveOne, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

async function withSessions(options: Parameters<TestBroker['topic']>[1] = {}) {
  const topic = await broker.topic({}, { requiresSession: true, ...options })
  const client = broker.client()
  return { topic, client, sender: client.createSender(topic) }
}

describe('sessions', () => {
  test('a named session gives its own messages, in order', async () => {
    const { topic, client, sender } = await withSessions()
    await sender.sendMessages(['a', 'b', 'a', 'b', 'a'].map((sessionId, body) => ({ sessionId, body })))
    const receiver = await client.acceptSession(topic, 'all', 'a')
    expect(receiver.sessionId).toBe('a')
    expect(receiver.sessionLockedUntilUtc.getTime()).toBeGreaterThan(Date.now())
    const messages = await receive(receiver, 3)
    expect(messages.map(({ body, sessionId }) => [body, sessionId])).toEqual([
      [0, 'a'],
      [2, 'a'],
      [4, 'a'],
    ])
    for (const message of messages) await receiver.completeMessage(message)
    await receiver.close()
  })

  test('a session that is held cannot be accepted until it is closed', async () => {
    const { topic, client } = await withSessions()
    const first = await client.acceptSession(topic, 'all', 'only')
    const second = client.acceptSession(topic, 'all', 'only')
    await expect(second).rejects.toMatchObject({ code: 'SessionCannotBeLocked' })
    await first.close()
    const third = await client.acceptSession(topic, 'all', 'only')
    await third.close()
  })

  test('the next session is one with messages that nobody holds', async () => {
    const { topic, client, sender } = await withSessions()
    await sender.sendMessages([
      { sessionId: 'a', body: 1 },
      { sessionId: 'b', body: 2 },
    ])
    const receivers = [await client.acceptNextSession(topic, 'all'), await client.acceptNextSession(topic, 'all')]
    expect(receivers.map(({ sessionId }) => sessionId)).toEqual(['a', 'b'])
    await Promise.all(receivers.map((receiver) => receiver.close()))
  })

  test('who asks for the next session waits for one to come', async () => {
    const { topic, client, sender } = await withSessions()
    const waiting = client.acceptNextSession(topic, 'all')
    await sender.sendMessages({ sessionId: 'late', body: 1 })
    const receiver = await waiting
    expect(receiver.sessionId).toBe('late')
    expect((await receiveOne(receiver)).body).toBe(1)
    await receiver.close()
  })

  test('no session in the time allowed is a timeout of the service', async () => {
    const { topic } = await withSessions()
    const impatient = new ServiceBusClient(broker.namespaces[0]?.connectionString ?? '', {
      retryOptions: { maxRetries: 0, timeoutInMs: 1_500 },
    })
    await expect(impatient.acceptNextSession(topic, 'all')).rejects.toMatchObject({ code: 'ServiceTimeout' })
    await impatient.close()
  })

  test('a session keeps the state an application gives it', async () => {
    const { topic, client } = await withSessions()
    const receiver = await client.acceptSession(topic, 'all', 's')
    expect(await receiver.getSessionState()).toBeNull()
    await receiver.setSessionState({ step: 2 })
    await receiver.close()
    const again = await client.acceptSession(topic, 'all', 's')
    expect(await again.getSessionState()).toEqual({ step: 2 })
    await again.close()
  })

  test('a session that is not renewed is lost, and its messages come again, counted', async () => {
    const { topic, client, sender } = await withSessions({ lockDuration: 'PT1S' })
    await sender.sendMessages({ sessionId: 's', body: 1 })
    const first = await client.acceptSession(topic, 'all', 's', { maxAutoLockRenewalDurationInMs: 0 })
    const message = await receiveOne(first)
    const second = await client.acceptNextSession(topic, 'all')
    expect(second.sessionId).toBe('s')
    await expect(first.completeMessage(message)).rejects.toMatchObject({ code: 'SessionLockLost' })
    expect(await receiveOne(second)).toMatchObject({ body: 1, deliveryCount: 1 })
    await second.close()
  })

  test('a renewed session stays, and what its receiver held when it closed is not counted', async () => {
    const { topic, client, sender } = await withSessions({ lockDuration: 'PT3S' })
    await sender.sendMessages({ sessionId: 's', body: 1 })
    const first = await client.acceptSession(topic, 'all', 's', { maxAutoLockRenewalDurationInMs: 0 })
    await receiveOne(first)
    const end = first.sessionLockedUntilUtc.getTime() + 500
    while (Date.now() < end) {
      expect((await first.renewSessionLock()).getTime()).toBeGreaterThan(Date.now())
      expect(await nothingLeft(first)).toBe(true)
    }
    await first.close()
    const second = await client.acceptSession(topic, 'all', 's')
    expect(await receiveOne(second)).toMatchObject({ body: 1, deliveryCount: 0 })
    await second.close()
  })

  test('messages of a session are deferred, peeked and dead-lettered too', async () => {
    const { topic, client, sender } = await withSessions()
    await sender.sendMessages([1, 2].map((body) => ({ sessionId: 's', body })))
    const receiver = await client.acceptSession(topic, 'all', 's')
    const [first, second] = await receive(receiver, 2)
    if (!first?.sequenceNumber || !second) throw new Error('messages are missing')
    await receiver.deferMessage(first)
    await receiver.deadLetterMessage(second)
    expect((await receiver.peekMessages(5)).map(({ body }) => body)).toEqual([1])
    const [deferred] = await receiver.receiveDeferredMessages(first.sequenceNumber)
    if (!deferred) throw new Error('the deferred message is gone')
    await receiver.completeMessage(deferred)
    await receiver.close()
    const dead = client.createReceiver(topic, 'all', { subQueueType: 'deadLetter' })
    expect(await receiveOne(dead)).toMatchObject({ body: 2, sessionId: 's' })
  })

  test('a plain receiver is refused, and so is a session where there are none', async () => {
    const { topic, client } = await withSessions()
    await expect(client.createReceiver(topic, 'all').receiveMessages(1)).rejects.toThrow(/requires sessions/)
    const plain = await broker.topic()
    await expect(client.acceptSession(plain, 'all', 's')).rejects.toThrow(/does not support sessions/)
  })

  test('a message without a session id goes to the dead letters', async () => {
    const { topic, client, sender } = await withSessions()
    await sender.sendMessages({ body: 'lost' })
    const dead = client.createReceiver(topic, 'all', { subQueueType: 'deadLetter' })
    expect(await receiveOne(dead)).toMatchObject({ body: 'lost', deadLetterReason: 'Session ID is null' })
  })
})
