import type { AuthorizationRule } from '@azure/service-bus'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyOf, receiveOne, startBroker, withKey, withToken } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

const rule = (keyName: string, ...accessRights: ('Send' | 'Listen' | 'Manage')[]) =>
  ({ claimType: 'SharedAccessKey', keyName, accessRights }) as AuthorizationRule

const connectionString = () => broker.namespaces[0]?.connectionString ?? ''
const adminConnectionString = () => broker.namespaces[0]?.adminConnectionString ?? ''
const unauthorized = { code: 'UnauthorizedAccess' }
const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow

/** A topic with a rule for each right, and connection strings of its keys. */
async function guarded() {
  const authorizationRules = [
    rule('send', 'Send'),
    rule('listen', 'Listen'),
    rule('manage', 'Manage', 'Send', 'Listen'),
  ]
  const topic = await broker.topic({ authorizationRules })
  const { authorizationRules: rules = [] } = await broker.admin().getTopic(topic)
  const key = (name: string) => rules.find(({ keyName }) => keyName === name)?.primaryKey ?? ''
  const as = (name: string) => withKey(connectionString(), name, key(name))
  return { topic, key, as, rules }
}

const trySend = (to: string, as: string) => broker.client(as).createSender(to).sendMessages({ body: 1 })
const tryReceive = (from: string, as: string) =>
  broker.client(as).createReceiver(from, 'all').receiveMessages(1, { maxWaitTimeInMs: 100 })

describe('access by key', () => {
  test('a key opens what its rule allows on its topic', async () => {
    const { topic, as } = await guarded()
    await trySend(topic, as('send'))
    expect(await receiveOne(broker.client(as('listen')).createReceiver(topic, 'all'))).toMatchObject({ body: 1 })
    await trySend(topic, as('manage'))
  })

  test('a key does nothing its rule does not allow', async () => {
    const { topic, as } = await guarded()
    await expect(trySend(topic, as('listen'))).rejects.toMatchObject(unauthorized)
    await expect(tryReceive(topic, as('send'))).rejects.toMatchObject(unauthorized)
    const listener = broker.client(as('listen'))
    const schedule = listener.createSender(topic).scheduleMessages({ body: 1 }, new Date(Date.now() + 60_000))
    await expect(schedule).rejects.toMatchObject(unauthorized)
    const peek = broker.client(as('send')).createReceiver(topic, 'all').peekMessages(1)
    await expect(peek).rejects.toMatchObject(unauthorized)
  })

  test('a key of one topic opens no other', async () => {
    const { as } = await guarded()
    const other = await guarded()
    for (const name of ['send', 'manage'])
      await expect(trySend(other.topic, as(name))).rejects.toMatchObject(unauthorized)
    await expect(tryReceive(other.topic, as('listen'))).rejects.toMatchObject(unauthorized)
  })

  test('a token of one topic opens no other, on a connection where it is valid too', async () => {
    const { topic, key } = await guarded()
    const other = await guarded()
    const token = withToken(connectionString(), topic, seconds(600), 'send', key('send'))
    const client = broker.client(token)
    await client.createSender(topic).sendMessages({ body: 1 })
    await expect(client.createSender(other.topic).sendMessages({ body: 1 })).rejects.toMatchObject(unauthorized)
    // A name that begins with the other's is another topic.
    await broker.admin().createTopic(`${topic}-2`)
    await expect(client.createSender(`${topic}-2`).sendMessages({ body: 1 })).rejects.toMatchObject(unauthorized)
  })

  test('a wrong key, an unknown name and a token past its time are refused', async () => {
    const { topic, key } = await guarded()
    const wrong = Buffer.alloc(32, 1).toString('base64')
    await expect(trySend(topic, withKey(connectionString(), 'send', wrong))).rejects.toMatchObject(unauthorized)
    await expect(trySend(topic, withKey(connectionString(), 'nobody', key('send')))).rejects.toMatchObject(unauthorized)
    const root = withKey(connectionString(), 'RootManageSharedAccessKey', wrong)
    await expect(trySend(topic, root)).rejects.toMatchObject(unauthorized)
    const expired = withToken(connectionString(), topic, seconds(-5), 'send', key('send'))
    await expect(trySend(topic, expired)).rejects.toMatchObject(unauthorized)
  })

  test('a token for the subscription alone receives from it and does nothing else', async () => {
    const { topic, key } = await guarded()
    await broker.admin().createSubscription(topic, 'second')
    const path = `${topic}/Subscriptions/all`
    const token = withToken(connectionString(), path, seconds(600), 'manage', key('manage'))
    expect(await tryReceive(topic, token)).toEqual([])
    await expect(trySend(topic, token)).rejects.toMatchObject(unauthorized)
    const second = broker.client(token).createReceiver(topic, 'second').receiveMessages(1, { maxWaitTimeInMs: 100 })
    await expect(second).rejects.toMatchObject(unauthorized)
  })

  test('a link is closed when its token ends', async () => {
    const { topic, key } = await guarded()
    const token = withToken(connectionString(), topic, seconds(3), 'manage', key('manage'))
    const receiver = broker.client(token).createReceiver(topic, 'all')
    const ended = new Promise<string>((resolve) => {
      const processError = async ({ error }: { error: Error & { code?: string } }) => resolve(error.code ?? '')
      receiver.subscribe({ processMessage: async () => {}, processError })
    })
    expect(await ended).toBe('UnauthorizedAccess')
  })

  test('a rotated key is refused, the other one and the new one are taken', async () => {
    const { topic, key, as, rules } = await guarded()
    const properties = await broker.admin().getTopic(topic)
    const fresh = Buffer.alloc(32, 7).toString('base64')
    const rotated = rules.map((each) => (each.keyName === 'send' ? { ...each, primaryKey: fresh } : each))
    const secondary = rules.find(({ keyName }) => keyName === 'send')?.secondaryKey ?? ''
    await broker.admin().updateTopic({ ...properties, authorizationRules: rotated })
    await expect(trySend(topic, as('send'))).rejects.toMatchObject(unauthorized)
    await trySend(topic, withKey(connectionString(), 'send', secondary))
    await trySend(topic, withKey(connectionString(), 'send', fresh))
    expect(fresh).not.toBe(key('send'))
  })

  test('the administration side takes Manage only: the namespace for all, a topic for itself', async () => {
    const { topic, key } = await guarded()
    const other = await broker.topic()
    const refused = { statusCode: 401, code: 'UnauthorizedRequestError' }
    for (const name of ['send', 'listen']) {
      const admin = broker.admin(withKey(adminConnectionString(), name, key(name)))
      await expect(admin.getTopic(topic)).rejects.toMatchObject(refused)
      await expect(admin.deleteTopic(topic)).rejects.toMatchObject(refused)
      await expect(admin.getNamespaceProperties()).rejects.toMatchObject(refused)
    }
    const manager = broker.admin(withKey(adminConnectionString(), 'manage', key('manage')))
    expect(await manager.getTopic(topic)).toMatchObject({ name: topic })
    await expect(manager.getTopic(other)).rejects.toMatchObject(refused)
    await expect(manager.createTopic('mine')).rejects.toMatchObject(refused)
    const wrong = broker.admin(withKey(adminConnectionString(), 'RootManageSharedAccessKey', keyOf('none')))
    await expect(wrong.getTopic(topic)).rejects.toMatchObject(refused)
  })

  test('a token for one path of the administration side is refused on another, and when its time is over', async () => {
    const { topic } = await guarded()
    const other = await guarded()
    /** A client whose requests carry a token somebody else made. */
    const withAuthorization = (path: string, expiry: number) => {
      const admin = broker.admin()
      const made = withToken(adminConnectionString(), path, expiry, 'manage', other.key('manage'))
      const authorization = /SharedAccessSignature=(SharedAccessSignature [^;]+)/.exec(made)?.[1] ?? ''
      admin.pipeline.addPolicy({
        name: 'foreign-token',
        sendRequest: (request, next) => {
          request.headers.set('authorization', authorization)
          return next(request)
        },
      })
      return admin
    }
    expect(await withAuthorization(other.topic, seconds(600)).getTopic(other.topic)).toMatchObject({
      name: other.topic,
    })
    const refused = { statusCode: 401 }
    await expect(withAuthorization(other.topic, seconds(600)).getTopic(topic)).rejects.toMatchObject(refused)
    await expect(withAuthorization(other.topic, seconds(-5)).getTopic(other.topic)).rejects.toMatchObject(refused)
  })
})
