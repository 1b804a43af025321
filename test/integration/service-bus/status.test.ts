import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EntityStatus } from '@azure/service-bus'
import { receiveOne, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

const disabled = { code: 'MessagingEntityDisabled' }

async function setTopic(topic: string, status: EntityStatus) {
  await broker.admin().updateTopic({ ...(await broker.admin().getTopic(topic)), status })
}

async function setSubscription(topic: string, status: EntityStatus) {
  await broker.admin().updateSubscription({ ...(await broker.admin().getSubscription(topic, 'all')), status })
}

const send = (topic: string) => broker.client().createSender(topic).sendMessages({ body: 'sent' })
const get = (topic: string) => receiveOne(broker.client().createReceiver(topic, 'all'))

describe('status of an entity', () => {
  test('SendDisabled lets messages out and none in', async () => {
    const topic = await broker.topic()
    await send(topic)
    await setTopic(topic, 'SendDisabled')
    expect((await broker.admin().getTopic(topic)).status).toBe('SendDisabled')
    await expect(send(topic)).rejects.toMatchObject(disabled)
    const schedule = broker.client().createSender(topic).scheduleMessages({ body: 1 }, new Date())
    await expect(schedule).rejects.toMatchObject(disabled)
    expect((await get(topic)).body).toBe('sent')
  })

  test.each<[string, (topic: string, status: EntityStatus) => Promise<void>]>([
    ['topic', setTopic],
    ['subscription', setSubscription],
  ])('ReceiveDisabled on a %s keeps messages until it is active again', async (_kind, set) => {
    const topic = await broker.topic()
    await set(topic, 'ReceiveDisabled')
    await send(topic)
    await expect(get(topic)).rejects.toMatchObject(disabled)
    await set(topic, 'Active')
    expect((await get(topic)).body).toBe('sent')
  })

  test('Disabled lets nothing in or out', async () => {
    const topic = await broker.topic()
    await setTopic(topic, 'Disabled')
    await expect(send(topic)).rejects.toMatchObject(disabled)
    await expect(get(topic)).rejects.toMatchObject(disabled)
    await setTopic(topic, 'Active')
    await send(topic)
    expect((await get(topic)).body).toBe('sent')
  })

  test('open receivers are told', async () => {
    const topic = await broker.topic()
    const receiver = broker.client().createReceiver(topic, 'all')
    let failed: (code: string) => void = () => {}
    const told = new Promise<string>((resolve) => (failed = resolve))
    const got = new Promise<void>((resolve) => {
      const processMessage = async () => resolve()
      const processError = async ({ error }: { error: Error & { code?: string } }) => failed(error.code ?? '')
      receiver.subscribe({ processMessage, processError })
    })
    await send(topic)
    await got
    await setTopic(topic, 'ReceiveDisabled')
    expect(await told).toBe('MessagingEntityDisabled')
  })
})
