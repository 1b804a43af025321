import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker({ limits: { subscriptionsPerTopic: 3 } })
})
afterAll(() => broker.close())

describe('administration', () => {
  test('a topic keeps what it was created with', async () => {
    const admin = broker.admin()
    const options = {
      defaultMessageTimeToLive: 'P14D',
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: 'PT1H',
      userMetadata: 'owner=<acme> & "co"',
      maxSizeInMegabytes: 2048,
    }
    await admin.createTopic('kept', options)
    expect(await admin.getTopic('kept')).toMatchObject({ name: 'kept', status: 'Active', ...options })
    expect(await admin.topicExists('KEPT')).toBe(true)
    expect(await admin.topicExists('other')).toBe(false)
    await admin.deleteTopic('kept')
    await expect(admin.getTopic('kept')).rejects.toMatchObject({ code: 'MessageEntityNotFoundError' })
    await expect(admin.deleteTopic('kept')).rejects.toMatchObject({ code: 'MessageEntityNotFoundError' })
  })

  test('a subscription keeps what it was created with and can be changed', async () => {
    const topic = await broker.topic()
    const admin = broker.admin()
    const options = { lockDuration: 'PT30S', requiresSession: true, maxDeliveryCount: 3, userMetadata: 'mine' }
    await admin.createSubscription(topic, 'kept', options)
    const subscription = await admin.getSubscription(topic, 'kept')
    expect(subscription).toMatchObject({ topicName: topic, subscriptionName: 'kept', ...options })
    await admin.updateSubscription({ ...subscription, maxDeliveryCount: 5 })
    expect((await admin.getSubscription(topic, 'kept')).maxDeliveryCount).toBe(5)
    await expect(admin.updateSubscription({ ...subscription, requiresSession: false })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringMatching(/RequiresSession/),
    })
    await admin.deleteSubscription(topic, 'kept')
    expect(await admin.subscriptionExists(topic, 'kept')).toBe(false)
  })

  test('authorization rules are kept, get the keys they lack, and change', async () => {
    const admin = broker.admin()
    const given = {
      claimType: 'SharedAccessKey',
      keyName: 'send',
      accessRights: ['Send' as const],
      primaryKey: 'cHJpbWFyeQ==',
    }
    const { authorizationRules = [] } = await admin.createTopic('with-rules', { authorizationRules: [given] })
    expect(authorizationRules).toMatchObject([{ ...given, secondaryKey: expect.stringMatching(/^.{44}$/) }])
    const topic = await admin.getTopic('with-rules')
    expect(topic.authorizationRules).toEqual(authorizationRules)
    const listen = { claimType: 'SharedAccessKey', keyName: 'listen', accessRights: ['Listen' as const] }
    await admin.updateTopic({ ...topic, authorizationRules: [...authorizationRules, listen] })
    const names = (await admin.getTopic('with-rules')).authorizationRules?.map(({ keyName }) => keyName)
    expect(names).toEqual(['send', 'listen'])
    await admin.updateTopic({ ...topic, authorizationRules: [] })
    expect((await admin.getTopic('with-rules')).authorizationRules).toBeUndefined()
    const manage = { claimType: 'SharedAccessKey', keyName: 'all', accessRights: ['Manage' as const] }
    await expect(admin.createTopic('bad', { authorizationRules: [manage] })).rejects.toThrow(/Send and Listen/)
  })

  test('a name that is taken is a conflict', async () => {
    const topic = await broker.topic()
    const admin = broker.admin()
    const conflict = { statusCode: 409, code: 'MessageEntityAlreadyExistsError' }
    await expect(admin.createTopic(topic)).rejects.toMatchObject(conflict)
    await expect(admin.createSubscription(topic, 'ALL')).rejects.toMatchObject(conflict)
  })

  test('what the broker cannot do is refused with a reason, not ignored', async () => {
    const topic = await broker.topic()
    const admin = broker.admin()
    const refused = (message: RegExp) => ({ statusCode: 400, message: expect.stringMatching(message) })
    await expect(admin.createSubscription(topic, 'f', { forwardTo: topic })).rejects.toMatchObject(refused(/ForwardTo/))
    await expect(admin.createSubscription(topic, 'l', { lockDuration: 'PT6M' })).rejects.toMatchObject(refused(/PT5M/))
    await expect(admin.createSubscription(topic, 'l', { lockDuration: '1m' })).rejects.toMatchObject(
      refused(/duration/),
    )
    await expect(admin.createTopic('a b')).rejects.toMatchObject(refused(/name/))
    await expect(admin.createTopic('long', { userMetadata: 'x'.repeat(1025) })).rejects.toMatchObject(
      refused(/UserMetadata/),
    )
    await expect(admin.createQueue('queue')).rejects.toMatchObject(refused(/TopicDescription/))
    const { requiresDuplicateDetection: _, ...properties } = await admin.getTopic(topic)
    const changed = admin.updateTopic({ ...properties, requiresDuplicateDetection: true })
    await expect(changed).rejects.toMatchObject(refused(/RequiresDuplicateDetection/))
  })

  test('lists come in pages', async () => {
    const admin = broker.admin()
    for (let i = 0; i < 5; i++) await admin.createTopic(`page-${i}`)
    const names: string[] = []
    for await (const page of admin.listTopics().byPage({ maxPageSize: 2 })) {
      expect(page.length).toBeLessThanOrEqual(2)
      names.push(...page.map(({ name }) => name))
    }
    expect(names.filter((name) => name.startsWith('page-'))).toEqual([0, 1, 2, 3, 4].map((i) => `page-${i}`))
    const topic = await broker.topic()
    await admin.createSubscription(topic, 'second')
    const subscriptions = []
    for await (const { subscriptionName } of admin.listSubscriptions(topic)) subscriptions.push(subscriptionName)
    expect(subscriptions).toEqual(['all', 'second'])
  })

  test('a topic is full at its number of subscriptions', async () => {
    const topic = await broker.topic()
    const admin = broker.admin()
    for (const name of ['b', 'c']) await admin.createSubscription(topic, name)
    await expect(admin.createSubscription(topic, 'd')).rejects.toMatchObject({
      statusCode: 403,
      code: 'QuotaExceededError',
    })
  })

  test('runtime properties count messages', async () => {
    const topic = await broker.topic()
    const client = broker.client()
    await client.createSender(topic).sendMessages([{ body: 1 }, { body: 2 }])
    const receiver = client.createReceiver(topic, 'all')
    const [message] = await receiver.receiveMessages(1)
    if (!message) throw new Error('no message arrived')
    await receiver.deadLetterMessage(message)
    expect(await broker.admin().getSubscriptionRuntimeProperties(topic, 'all')).toMatchObject({
      totalMessageCount: 2,
      activeMessageCount: 1,
      deadLetterMessageCount: 1,
    })
    expect((await broker.admin().getTopicRuntimeProperties(topic)).subscriptionCount).toBe(1)
    expect(await broker.admin().getNamespaceProperties()).toMatchObject({ name: 'test', messagingSku: 'Standard' })
  })
})
