import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nothingLeft, receiveOne, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

const inAWhile = (ms: number) => new Date(Date.now() + ms)

describe('scheduling', () => {
  test('a scheduled message arrives when it is due', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    const due = inAWhile(700)
    const [number] = await client.createSender(topic).scheduleMessages({ body: 'later' }, due)
    expect(number?.toNumber()).toBeGreaterThan(0)
    expect((await broker.admin().getTopicRuntimeProperties(topic)).scheduledMessageCount).toBe(1)
    const message = await receiveOne(client.createReceiver(topic, 'all'))
    expect(message.body).toBe('later')
    expect(Date.now()).toBeGreaterThanOrEqual(due.getTime())
    expect(message.enqueuedTimeUtc?.getTime()).toBeGreaterThanOrEqual(due.getTime())
    expect((await broker.admin().getTopicRuntimeProperties(topic)).scheduledMessageCount).toBe(0)
  })

  test('so does one that is sent with its time', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    const due = inAWhile(500)
    await client.createSender(topic).sendMessages({ body: 'later', scheduledEnqueueTimeUtc: due })
    const message = await receiveOne(client.createReceiver(topic, 'all'))
    expect(message.scheduledEnqueueTimeUtc).toEqual(due)
    expect(Date.now()).toBeGreaterThanOrEqual(due.getTime())
  })

  test('a cancelled one never arrives, and cannot be cancelled again', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    const sender = client.createSender(topic)
    const numbers = await sender.scheduleMessages([{ body: 1 }, { body: 2 }], inAWhile(60_000))
    const scheduled = async () => (await broker.admin().getTopicRuntimeProperties(topic)).scheduledMessageCount
    expect(await scheduled()).toBe(2)
    await sender.cancelScheduledMessages(numbers)
    expect(await scheduled()).toBe(0)
    expect(await nothingLeft(client.createReceiver(topic, 'all'))).toBe(true)
    await expect(sender.cancelScheduledMessages(numbers)).rejects.toMatchObject({ code: 'MessageNotFound' })
  })
})
