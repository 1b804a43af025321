import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { tenantKeyName } from '../../../domain/names.ts'
import type { BusAccess, CellAccess, Target } from '../../../isolation/mapper.ts'
import { createBusAdministration, type ManageBus } from '../../../base/bus-administration.ts'
import { createTopicMapper, topicCalls } from '../../../isolation/mappers/topic/mapper.ts'
import { busEndpoint, entityConnectionString } from '../../../base/bus-endpoint.ts'
import { startTestBus, type TestBus } from '../../support/bus.ts'
import { codeOf, testTenant, type TestTenant } from './support.ts'

type T = Target<'topic'>
type Policy = Parameters<ServiceBusAdministrationClient['pipeline']['addPolicy']>[0]
type PipelineRequest = Parameters<Policy['sendRequest']>[0]
type SendRequest = Parameters<Policy['sendRequest']>[1]

/** Enough of a cell for the strategy; a topic needs nothing of it. */
const cell: CellAccess = {
  name: 'cell-1',
  region: 'eu-north',
  database: { host: '127.0.0.1', port: 5432, name: 'none' },
  objectStore: { kind: 'file-system', root: '/none', container: 'data-shared' },
  runtime: { namespace: 'workloads', taskQueue: 'work' },
  network: { policies: '/none' },
  provisionerUrl: 'postgresql://nobody@127.0.0.1/none',
}

let directory: string
let server: TestBus
let mapper: ReturnType<typeof createTopicMapper>
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'freehold-topic-'))
  server = await startTestBus(directory)
  mapper = createTopicMapper(createBusAdministration({ certificateAuthority: server.namespace.ca }))
})
afterAll(async () => {
  await mapper.close()
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
})

function busAccess(of: TestBus, changes: Partial<BusAccess> = {}): BusAccess {
  const { connectionString, adminConnectionString: management } = of.namespace
  const endpoint = busEndpoint(connectionString, 'the test bus')
  return { name: 'test', region: 'eu-north', endpoint, management, callsPerSecond: 1_000, ...changes }
}

const newTenant = (changes: Partial<BusAccess> = {}) => testTenant(cell, { bus: busAccess(server, changes) })
const topicOf = (tenant: TestTenant) => tenant.target('topic').spec.name

async function ensured(epoch = 1): Promise<TestTenant> {
  const tenant = newTenant()
  await mapper.ensure(tenant.target('topic', epoch))
  return tenant
}

/** The topic with everything below it, without times and counts. */
async function look(tenant: TestTenant): Promise<unknown> {
  const { administration } = server
  const { _response, ...topic } = await administration.getTopic(topicOf(tenant))
  const subscriptions = []
  for await (const subscription of administration.listSubscriptions(topic.name)) {
    const rules = []
    for await (const rule of administration.listRules(topic.name, subscription.subscriptionName)) rules.push(rule)
    subscriptions.push({ ...subscription, rules })
  }
  return { topic, subscriptions: subscriptions.toSorted((a, b) => (a.subscriptionName < b.subscriptionName ? -1 : 1)) }
}

async function keyOf(tenant: TestTenant): Promise<string> {
  const { keySecret } = tenant.target('topic').spec.properties
  return (await tenant.secrets.read(keySecret)) ?? ''
}

/** A client as the tenant has it, with the key it has now or another. */
async function clientOf(tenant: TestTenant, { key, entity = topicOf(tenant) }: { key?: string; entity?: string } = {}) {
  const access = { keyName: tenantKeyName, key: key ?? (await keyOf(tenant)), entity }
  return openClient(entityConnectionString(busAccess(server).endpoint, access))
}

function openClient(connectionString: string): ServiceBusClient {
  // The client tries again after a refusal; a test wants the first answer. What is sent on a link just as that is ended is
  // never answered.
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } })
  onTestFinished(() => client.close())
  return client
}

const platformClient = () => openClient(server.namespace.connectionString)
const send = (client: ServiceBusClient, topic: string, body: string) =>
  client.createSender(topic).sendMessages({ body })
const receive = async (client: ServiceBusClient, topic: string, subscription = 'all') => {
  const [message] = await client.createReceiver(topic, subscription).receiveMessages(1, { maxWaitTimeInMs: 3_000 })
  return message?.body as unknown
}

describe('the topic of a tenant', () => {
  it('lets the tenant send and receive, and is found as it was made', async () => {
    const tenant = await ensured()
    const client = await clientOf(tenant)
    await send(client, topicOf(tenant), 'hello')
    expect(await receive(client, topicOf(tenant))).toBe('hello')
    expect(await receive(platformClient(), topicOf(tenant), 'governance')).toBe('hello')
    expect(await mapper.observe(tenant.target('topic'))).toEqual({
      exists: true,
      owner: tenant.id,
      frozen: false,
      facts: { epoch: 1, subscriptions: 2, bytes: expect.any(Number) },
    })
    expect(await server.administration.getTopic(topicOf(tenant))).toMatchObject({
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: 'PT1H',
    })
  })

  it('is the same after a second run of any verb', async () => {
    const tenant = newTenant()
    const [making, freezing, thawing] = [1, 2, 3].map((epoch) => tenant.target('topic', epoch)) as [T, T, T]
    await mapper.ensure(making)
    const once = await look(tenant)
    expect(await mapper.ensure(making)).toEqual({ topic: topicOf(tenant), subscription: 'all' })
    expect(await look(tenant)).toEqual(once)
    await mapper.freeze(freezing)
    const frozen = await look(tenant)
    await mapper.freeze(freezing)
    expect(await look(tenant)).toEqual(frozen)
    await mapper.thaw(thawing)
    const thawed = await look(tenant)
    await mapper.thaw(thawing)
    expect(await look(tenant)).toEqual(thawed)
    expect(frozen).not.toEqual(once)
    const withoutEpoch = (text: string) => text.replaceAll(/(epoch|fence)\\":\d+/g, '')
    expect(withoutEpoch(JSON.stringify(thawed))).toBe(withoutEpoch(JSON.stringify(once)))
    expect(await mapper.remove(tenant.target('topic'))).toEqual({ outcome: 'removed' })
    expect(await mapper.remove(tenant.target('topic'))).toEqual({ outcome: 'absent' })
  })

  it('is made once by several runs at the same time', async () => {
    const tenant = newTenant()
    const target = tenant.target('topic')
    await Promise.all(Array.from({ length: 5 }, () => mapper.ensure(target)))
    expect(await look(tenant)).toMatchObject({ subscriptions: [{ status: 'Active' }, { status: 'Active' }] })
    const client = await clientOf(tenant)
    await send(client, topicOf(tenant), 'hello')
    expect(await receive(client, topicOf(tenant))).toBe('hello')
  })

  it('is completed where a run ended half-way, and repaired where somebody changed it', async () => {
    const { administration } = server
    const tenant = newTenant()
    const target = tenant.target('topic')
    await mapper.ensure(target)
    const name = topicOf(tenant)
    const before = await look(tenant)
    await administration.deleteSubscription(name, 'all')
    await administration.createRule(name, 'governance', 'nothing', { sqlExpression: '1=0' })
    await administration.deleteRule(name, 'governance', '$Default')
    const governance = await administration.getSubscription(name, 'governance')
    await administration.updateSubscription({ ...governance, status: 'Disabled', maxDeliveryCount: 3 })
    const topic = await administration.getTopic(name)
    await administration.updateTopic({
      ...topic,
      status: 'SendDisabled',
      authorizationRules: [{ claimType: 'SharedAccessKey', keyName: 'mine', accessRights: ['Listen'] }],
    })
    await mapper.ensure(target)
    expect(await look(tenant)).toEqual(before)
    const client = await clientOf(tenant)
    await send(client, name, 'again')
    expect(await receive(client, name)).toBe('again')
    expect(await receive(platformClient(), name, 'governance')).toBe('again')
  })

  it('leaves nothing behind when it is removed', async () => {
    const before = await server.topics()
    const tenant = await ensured()
    expect(await server.topics()).toHaveLength(before.length + 1)
    await mapper.remove(tenant.target('topic'))
    expect(await server.topics()).toEqual(before)
    expect(await mapper.observe(tenant.target('topic'))).toEqual({ exists: false })
    const gone = platformClient().createReceiver(topicOf(tenant), 'governance').receiveMessages(1)
    await expect(gone).rejects.toMatchObject({ code: 'MessagingEntityNotFound' })
  })

  it.each([
    ['no tag', undefined],
    ['a text that is no tag', 'made by hand'],
    ['the tag of another tenant', JSON.stringify({ freehold: '019a0000-0000-7000-8000-000000000000', epoch: 1 })],
  ])('that is there already with %s is refused and left alone', async (_, userMetadata) => {
    const tenant = newTenant()
    await server.administration.createTopic(topicOf(tenant), userMetadata === undefined ? {} : { userMetadata })
    const before = await look(tenant)
    for (const verb of ['ensure', 'freeze', 'thaw'] as const) {
      const refused = mapper[verb](tenant.target('topic', 2))
      await expect(refused).rejects.toMatchObject({ code: 'resource_not_owned' })
      await expect(refused).rejects.toThrow(topicOf(tenant))
    }
    expect(await mapper.remove(tenant.target('topic'))).toMatchObject({ outcome: 'not-owned' })
    expect(await look(tenant)).toEqual(before)
  })
})

describe('the calls of the management side', () => {
  /** A mapper that counts them, behind the retries. */
  function counting() {
    const manage = createBusAdministration({ certificateAuthority: server.namespace.ca })
    const seen = new Set<ServiceBusAdministrationClient>()
    const count = { calls: 0 }
    const counted: ManageBus = (bus, work, signal) =>
      manage(
        bus,
        (client) => {
          const sendRequest = (request: PipelineRequest, next: SendRequest) => {
            count.calls += 1
            return next(request)
          }
          if (!seen.has(client)) client.pipeline.addPolicy({ name: 'count', sendRequest }, { afterPhase: 'Retry' })
          seen.add(client)
          return work(client)
        },
        signal,
      )
    return { topics: createTopicMapper(counted), count }
  }

  it('of one ensure are what the rate counts with when it is new, and five times that when all is to be repaired', async () => {
    const { topics, count } = counting()
    const tenant = newTenant()
    const name = topicOf(tenant)
    await topics.ensure(tenant.target('topic'))
    expect(count.calls).toBeLessThanOrEqual(topicCalls)

    // Somebody has changed everything that can be changed.
    const { administration } = server
    for (const subscription of ['all', 'governance']) {
      await administration.deleteRule(name, subscription, '$Default')
      for (let n = 0; n < 5; n += 1)
        await administration.createRule(name, subscription, `rule-${n}`, { sqlExpression: '1=0' })
      const found = await administration.getSubscription(name, subscription)
      await administration.updateSubscription({ ...found, maxDeliveryCount: 3 })
    }
    count.calls = 0
    await topics.ensure(tenant.target('topic'))
    expect(count.calls).toBeGreaterThan(15)
    expect(count.calls).toBeLessThanOrEqual(5 * topicCalls)
    const rules = []
    for await (const { name: rule } of administration.listRules(name, 'all')) rules.push(rule)
    expect(rules).toEqual(['$Default'])
  })

  it('go on at the next try when there is more to repair than one run may ask for', async () => {
    const { topics, count } = counting()
    const tenant = newTenant()
    const name = topicOf(tenant)
    await topics.ensure(tenant.target('topic'))
    for (let n = 0; n < 7; n += 1)
      await server.administration.createRule(name, 'all', `rule-${n}`, { sqlExpression: '1=0' })
    count.calls = 0
    await expect(topics.ensure(tenant.target('topic'))).rejects.toMatchObject({ code: 'substrate_unavailable' })
    expect(count.calls).toBeLessThanOrEqual(5 * topicCalls)
    await topics.ensure(tenant.target('topic'))
  })
})

describe('a frozen topic', () => {
  it('gives the tenant nothing, takes everything in, and stays readable for the platform', async () => {
    const tenant = await ensured()
    const name = topicOf(tenant)
    await mapper.freeze(tenant.target('topic', 2))
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: true, facts: { epoch: 2 } })
    const client = await clientOf(tenant)
    await send(client, name, 'by the tenant')
    const platform = platformClient()
    await send(platform, name, 'by the platform')
    expect(await codeOf(receive(client, name))).toMatch(/UnauthorizedAccess|MessagingEntityDisabled/)
    expect(await codeOf(receive(client, name, 'governance'))).toBe('UnauthorizedAccess')
    expect(await receive(platform, name, 'governance')).toBe('by the tenant')
    await mapper.thaw(tenant.target('topic', 3))
    const again = await clientOf(tenant)
    const messages = await again.createReceiver(name, 'all').receiveMessages(2, { maxWaitTimeInMs: 3_000 })
    expect(messages.map(({ body }) => body as unknown)).toEqual(['by the tenant', 'by the platform'])
  })

  it('ends the links that receive, also one on the subscription of the platform', async () => {
    const tenant = await ensured()
    const client = await clientOf(tenant)
    const ended = ['all', 'governance'].map((subscription) => {
      const receiver = client.createReceiver(topicOf(tenant), subscription)
      return new Promise<string>((resolve) => {
        const processError = async ({ error }: { error: Error & { code?: string } }) => resolve(error.code ?? '')
        receiver.subscribe({ processMessage: async () => {}, processError })
      })
    })
    // Both are open once they have got a message.
    await send(client, topicOf(tenant), 'hello')
    await mapper.freeze(tenant.target('topic', 2))
    for (const code of await Promise.all(ended)) expect(code).toMatch(/MessagingEntityDisabled|UnauthorizedAccess/)
  })

  it('stays frozen when it is ensured, with a new key or a subscription that was gone, and opens by thaw alone', async () => {
    const tenant = await ensured()
    await mapper.freeze(tenant.target('topic', 2))
    const all = await server.administration.getSubscription(topicOf(tenant), 'all')
    await server.administration.updateSubscription({ ...all, status: 'Active' })
    await mapper.ensure(tenant.target('topic', 2))
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: true })
    await server.administration.deleteSubscription(topicOf(tenant), 'all')
    await mapper.rotate?.(tenant.target('topic', 2), 'rotation')
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: true, facts: { subscriptions: 2 } })
    await mapper.thaw(tenant.target('topic', 3))
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: false })
  })

  it('obeys the latest epoch only', async () => {
    const tenant = await ensured()
    await mapper.freeze(tenant.target('topic', 4))
    await expect(mapper.thaw(tenant.target('topic', 3))).rejects.toMatchObject({ code: 'operation_superseded' })
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: true, facts: { epoch: 4 } })
    await mapper.thaw(tenant.target('topic', 5))
    await expect(mapper.freeze(tenant.target('topic', 4))).rejects.toMatchObject({ code: 'operation_superseded' })
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: false, facts: { epoch: 5 } })
  })

  it('that is not there is made closed, so that a late ensure does not open it', async () => {
    const tenant = newTenant()
    await expect(mapper.thaw(tenant.target('topic', 1))).rejects.toMatchObject({ code: 'not_found' })
    const late = tenant.target('topic')
    await mapper.freeze(tenant.target('topic', 2))
    await expect(mapper.ensure(late)).rejects.toMatchObject({ code: 'operation_superseded' })
    await mapper.ensure(tenant.target('topic', 2))
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: true })
    await mapper.thaw(tenant.target('topic', 3))
    for (const verb of ['freeze', 'thaw', 'remove'] as const)
      await expect(mapper[verb](late)).rejects.toMatchObject({ code: 'operation_superseded' })
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: false })
  })

  it.each(['standby', 'suspended'] as const)('is what one is that is born %s', async (birth) => {
    const tenant = newTenant()
    await mapper.ensure(tenant.target('topic', 1, { birth }))
    await mapper.ensure(tenant.target('topic'))
    expect(await mapper.observe(tenant.target('topic'))).toMatchObject({ frozen: true })
  })
})

describe('the key of a tenant', () => {
  const unauthorized = 'UnauthorizedAccess'

  it('opens no topic of another, neither to send nor to receive', async () => {
    const [tenant, other] = [await ensured(), await ensured()]
    const client = await clientOf(tenant, { entity: topicOf(other) })
    expect(await codeOf(send(client, topicOf(other), 'intruder'))).toBe(unauthorized)
    for (const subscription of ['all', 'governance'])
      expect(await codeOf(receive(client, topicOf(other), subscription))).toBe(unauthorized)
    const own = await clientOf(other)
    await send(own, topicOf(other), 'own')
    expect(await receive(own, topicOf(other))).toBe('own')
  })

  it('manages nothing', async () => {
    const tenant = await ensured()
    const { adminConnectionString, ca } = server.namespace
    const connectionString = adminConnectionString
      .replace(/SharedAccessKeyName=[^;]+/, `SharedAccessKeyName=${tenantKeyName}`)
      .replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${await keyOf(tenant)}`)
    const options = Object.assign({}, { tlsOptions: { ca } })
    const manager = new ServiceBusAdministrationClient(connectionString, options)
    const refused = { statusCode: 401 }
    await expect(manager.getTopic(topicOf(tenant))).rejects.toMatchObject(refused)
    await expect(manager.createSubscription(topicOf(tenant), 'mine')).rejects.toMatchObject(refused)
    await expect(manager.createTopic('mine')).rejects.toMatchObject(refused)
    await expect(manager.deleteTopic(topicOf(tenant))).rejects.toMatchObject(refused)
  })

  it('puts whoever has the old one out when it is rotated, once for each rotation', async () => {
    const tenant = await ensured()
    const name = topicOf(tenant)
    const old = await keyOf(tenant)
    const thief = await clientOf(tenant)
    const open = thief.createSender(name)
    await open.sendMessages({ body: 'before' })
    const target = tenant.target('topic')
    await mapper.rotate?.(target, 'first')
    const key = await keyOf(tenant)
    expect(key).not.toBe(old)
    await mapper.rotate?.(target, 'first')
    expect(await keyOf(tenant)).toBe(key)

    expect(await codeOf(open.sendMessages({ body: 'on the link that was open' }))).not.toBe('done')
    expect(await codeOf(send(thief, name, 'on a new link of the same connection'))).toBe(unauthorized)
    const late = await clientOf(tenant, { key: old })
    expect(await codeOf(send(late, name, 'on a new connection'))).toBe(unauthorized)
    expect(await codeOf(receive(late, name))).toBe(unauthorized)

    const fresh = await clientOf(tenant)
    await send(fresh, name, 'with the new key')
    const messages = await fresh.createReceiver(name, 'all').receiveMessages(3, { maxWaitTimeInMs: 3_000 })
    expect(messages.map(({ body }) => body as unknown)).toEqual(['before', 'with the new key'])
  })

  it('is made with its topic when that is gone', async () => {
    const tenant = await ensured()
    await server.administration.deleteTopic(topicOf(tenant))
    await mapper.rotate?.(tenant.target('topic'), 'again')
    const client = await clientOf(tenant)
    await send(client, topicOf(tenant), 'hello')
    expect(await receive(client, topicOf(tenant))).toBe('hello')
  })
})

describe('what fails on a bus', () => {
  const attempt = (target: Target<'topic'>) =>
    createTopicMapper(createBusAdministration({ certificateAuthority: server.namespace.ca }))
      .ensure(target)
      .then(
        () => ({ code: 'done', message: '' }),
        (error: Error & { code?: string }) => ({ code: error.code, message: error.message }),
      )
  const withKey = (key: string) =>
    server.namespace.adminConnectionString.replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${key}`)

  it('a bus that is full is exhausted, and takes topics again once it has room', async () => {
    const other = mkdtempSync(join(tmpdir(), 'freehold-topic-'))
    const small = await startTestBus(other, { topics: 1 })
    onTestFinished(async () => {
      await small.stop()
      rmSync(other, { recursive: true, force: true })
    })
    const onSmall = createTopicMapper(createBusAdministration({ certificateAuthority: small.namespace.ca }))
    const tenants = [1, 2].map(() => testTenant(cell, { bus: busAccess(small, { name: 'small' }) }))
    const [first, second] = tenants.map((tenant) => tenant.target('topic'))
    if (first === undefined || second === undefined) throw new Error('two tenants')
    await onSmall.ensure(first)
    await expect(onSmall.ensure(second)).rejects.toMatchObject({ code: 'bus_exhausted' })
    await onSmall.ensure(first)
    await onSmall.remove(first)
    await onSmall.ensure(second)
  })

  it('a management credential that does not do says so, and is not shown', async () => {
    const key = randomBytes(32).toString('base64')
    const cases = {
      'a wrong key': withKey(key),
      'no connection string': `nonsense ${key}`,
      'a key of the topic alone': `${withKey(key)};EntityPath=elsewhere`,
    }
    for (const [name, management] of Object.entries(cases)) {
      const { code, message } = await attempt(newTenant({ name, management }).target('topic'))
      expect([name, code]).toEqual([name, 'configuration_invalid'])
      expect(message).toContain(`"${name}"`)
      expect(message).not.toContain(key)
    }
  })

  it('a bus that does not answer is not available', async () => {
    const [probe, closed] = [createServer(), Promise.withResolvers<void>()]
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const address = probe.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    probe.close(() => closed.resolve())
    await closed.promise
    const management = server.namespace.adminConnectionString.replace(/:\d+/, `:${port}`)
    const { code, message } = await attempt(newTenant({ name: 'silent', management }).target('topic'))
    expect(code).toBe('substrate_unavailable')
    expect(message).toContain('"silent"')
    expect(message).not.toMatch(/SharedAccess/)
  })

  it('a management side that takes a connection and never answers is given up', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const management = server.namespace.adminConnectionString.replace(/:\d+/, `:${port}`)
    const impatient = createTopicMapper(createBusAdministration({ requestTimeoutMs: 100 }))
    const asked = impatient.ensure(newTenant({ name: 'mute', management }).target('topic'))
    await expect(asked).rejects.toMatchObject({
      code: 'substrate_unavailable',
      message: expect.stringContaining('"mute"'),
    })
    silent.close()
  })

  it('a certificate nobody vouches for says which variable helps', async () => {
    const trusting = createTopicMapper(createBusAdministration())
    const refused = trusting.ensure(newTenant().target('topic'))
    await expect(refused).rejects.toMatchObject({ code: 'configuration_invalid' })
    await expect(refused).rejects.toThrow('SERVICE_BUS_CA_FILE')
  })

  it('what the bus refuses is told in its words', async () => {
    const tenant = newTenant()
    const userMetadata = JSON.stringify({ freehold: tenant.id })
    await server.administration.createTopic(topicOf(tenant), { userMetadata, requiresDuplicateDetection: false })
    const { code, message } = await attempt(tenant.target('topic'))
    expect(code).toBe('configuration_invalid')
    expect(message).toContain('RequiresDuplicateDetection')
  })
})
