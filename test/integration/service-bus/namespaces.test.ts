import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServiceBus } from '../../../packages/service-bus-broker/broker.ts'
import { nothingLeft, startBroker, withKey, keyOf } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker({ names: ['one', 'two'], limits: { topics: 2 } })
})
afterAll(() => broker.close())

describe('namespaces', () => {
  test('are apart: the same names, other messages, other keys', async () => {
    const [one, two] = broker.namespaces
    if (!one || !two) throw new Error('two namespaces are needed')
    for (const { adminConnectionString } of [one, two]) {
      await broker.admin(adminConnectionString).createTopic('same')
      await broker.admin(adminConnectionString).createSubscription('same', 'all')
    }
    await broker.client(one.connectionString).createSender('same').sendMessages({ body: 1 })
    expect(await nothingLeft(broker.client(two.connectionString).createReceiver('same', 'all'))).toBe(true)
    const foreign = withKey(two.connectionString, 'RootManageSharedAccessKey', keyOf(one.connectionString))
    await expect(broker.client(foreign).createSender('same').sendMessages({ body: 1 })).rejects.toMatchObject({
      code: 'UnauthorizedAccess',
    })
    const foreignAdmin = withKey(two.adminConnectionString, 'RootManageSharedAccessKey', keyOf(one.connectionString))
    await expect(broker.admin(foreignAdmin).getTopic('same')).rejects.toMatchObject({ statusCode: 401 })
  })

  test('are full at their number of topics, and have room again when one goes', async () => {
    const [one] = broker.namespaces
    const admin = broker.admin(one?.adminConnectionString)
    await admin.createTopic('second')
    await expect(admin.createTopic('third')).rejects.toMatchObject({
      statusCode: 403,
      code: 'QuotaExceededError',
      message: expect.stringMatching(/maximum number of topics \(2\)/),
    })
    await admin.deleteTopic('second')
    await admin.createTopic('third')
  })

  test('are served by one broker alone', async () => {
    const start = startServiceBus({ dataDir: broker.dataDir, namespaces: [], log: () => {} })
    await expect(start).rejects.toThrow(/another broker/)
  })

  test('are never served on an address others can reach', async () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com']) {
      const start = startServiceBus({ dataDir: broker.dataDir, namespaces: [], host, log: () => {} })
      await expect(start).rejects.toThrow(/loopback only/)
    }
  })
})
