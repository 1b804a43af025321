import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceBusClient, type ServiceBusMessage } from '@azure/service-bus'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import {
  openTenantLinks,
  type LinkFault,
  type TenantLinksOptions,
  type TenantTopic,
} from '../../../packages/tenant-worker/topics/index.ts'
import { startTestBus, type TestBus } from '../../support/bus.ts'

let directory: string
let server: TestBus
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'freehold-links-'))
  server = await startTestBus(directory)
})
afterAll(async () => {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
})

let made = 0
async function newTopic(): Promise<TenantTopic> {
  made += 1
  const topic = `tenant-${made}-prod`
  await server.administration.createTopic(topic)
  for (const name of ['all', 'governance']) await server.administration.createSubscription(topic, name)
  return { tenantId: randomUUID(), environment: 'prod', bus: 'test', topic }
}

/** Links to these topics, what they received and what they reported. */
function linksTo(topics: readonly TenantTopic[], changes: Partial<TenantLinksOptions> = {}) {
  const received: string[] = []
  const faults: LinkFault[] = []
  const links = openTenantLinks({
    topics: async () => topics,
    connectionString: async () => server.namespace.connectionString,
    report: (fault) => faults.push(fault),
    clients: 1,
    linksPerClient: 50,
    refreshMs: 200,
    ...changes,
  })
  onTestFinished(() => links.close())
  const receive = () =>
    links.receive(async ({ tenantId }, { body }) => void received.push(`${tenantId} ${JSON.stringify(body)}`))
  return { links, received, faults, receive }
}

/** As a service of the tenant would, past the links. */
async function publish(topic: string, ...messages: ServiceBusMessage[]): Promise<void> {
  const client = new ServiceBusClient(server.namespace.connectionString)
  await client.createSender(topic).sendMessages(messages)
  await client.close()
}

const own = ({ tenantId }: TenantTopic, body: unknown): ServiceBusMessage => ({
  body,
  applicationProperties: { tenant: tenantId },
})
const patience = { timeout: 40_000, interval: 50 }

it('serves many more topics than it has links, each of them again and again', async () => {
  const topics: TenantTopic[] = []
  for (let group = 0; group < 31; group += 1) topics.push(...(await Promise.all(Array.from({ length: 10 }, newTopic))))
  const { links, received, faults, receive } = linksTo(topics, { clients: 2, linksPerClient: 25 })
  const sendAll = (body: string) => Promise.all(topics.map((topic) => links.send(topic, [{ body }])))
  const expected = (body: string) => topics.map(({ tenantId }) => `${tenantId} "${body}"`)
  receive()
  await sendAll('first')
  await expect.poll(() => received.length, patience).toBe(topics.length)
  await sendAll('second')
  await expect.poll(() => received.length, patience).toBe(2 * topics.length)
  expect(received.toSorted()).toEqual([...expected('first'), ...expected('second')].toSorted())
  expect(faults).toEqual([])
}, 120_000)

it('keeps the order of a topic, and gives a message its handler did not take again', async () => {
  const topic = await newTopic()
  const seen: number[] = []
  const { links, faults } = linksTo([topic])
  links.receive(async (_, { body, deliveryCount }) => {
    if (body === 7 && deliveryCount === 0) throw new Error('not now')
    seen.push(body as number)
  })
  const numbers = Array.from({ length: 120 }, (_, index) => index)
  await publish(topic.topic, ...numbers.map((body) => own(topic, body)))
  await expect.poll(() => seen.length, patience).toBe(numbers.length)
  expect(seen.filter((number) => number !== 7)).toEqual(numbers.filter((number) => number !== 7))
  expect(faults).toMatchObject([{ kind: 'handler-failed', topic }])
  await links.close()
  const { activeMessageCount, deadLetterMessageCount } = await server.administration.getSubscriptionRuntimeProperties(
    topic.topic,
    'governance',
  )
  expect([activeMessageCount, deadLetterMessageCount]).toEqual([0, 0])
})

it('refuses a message that names another tenant or none, keeps it with the reason, and tells of it', async () => {
  const [topic, other] = [await newTopic(), await newTopic()]
  const { received, faults, receive } = linksTo([topic, other])
  receive()
  await publish(topic.topic, own(other, 'intruder'), { body: 'nameless' }, own(topic, 'own'))
  await expect.poll(() => [received.length, faults.length], patience).toEqual([1, 2])
  expect(received).toEqual([`${topic.tenantId} "own"`])
  expect(faults).toMatchObject([
    { kind: 'refused', topic, reason: expect.stringContaining(other.tenantId) },
    { kind: 'refused', topic, reason: expect.stringContaining('names no tenant') },
  ])
  const client = new ServiceBusClient(server.namespace.connectionString)
  onTestFinished(() => client.close())
  const dead = client.createReceiver(topic.topic, 'governance', { subQueueType: 'deadLetter' })
  const [first, second] = await dead.receiveMessages(2, { maxWaitTimeInMs: 3_000 })
  expect([first?.body, second?.body]).toEqual(['intruder', 'nameless'])
  expect(first?.deadLetterReason).toBe('TenantMismatch')
  expect(first?.deadLetterErrorDescription).toContain(other.tenantId)
})

it('sends in the name of the tenant, and not in that of another', async () => {
  const [topic, other] = [await newTopic(), await newTopic()]
  const { links } = linksTo([topic])
  await links.send(topic, [{ body: 'hello', applicationProperties: { kind: 'greeting' } }])
  await expect(links.send(topic, [own(other, 'intruder')])).rejects.toMatchObject({ code: 'invalid_request' })
  const client = new ServiceBusClient(server.namespace.connectionString)
  onTestFinished(() => client.close())
  const messages = await client.createReceiver(topic.topic, 'all').receiveMessages(2, { maxWaitTimeInMs: 1_000 })
  expect(messages.map(({ applicationProperties }) => applicationProperties)).toEqual([
    { kind: 'greeting', tenant: topic.tenantId },
  ])
})

it('a topic that is deleted, or was never there, is reported and holds up no other; a new one is served', async () => {
  const topics = [await newTopic(), await newTopic()]
  const [gone, stays] = topics
  if (gone === undefined || stays === undefined) throw new Error('two topics')
  topics.push({ ...gone, topic: 'tenant-never-prod' })
  const { links, received, faults, receive } = linksTo(topics, { linksPerClient: 2 })
  receive()
  await publish(gone.topic, own(gone, 'last'))
  await expect.poll(() => received, patience).toEqual([`${gone.tenantId} "last"`])
  await server.administration.deleteTopic(gone.topic)
  await expect
    .poll(
      () => faults.map((fault) => (fault.kind === 'unreachable' ? `${fault.topic.topic} ${fault.code}` : '')),
      patience,
    )
    .toEqual(expect.arrayContaining([`${gone.topic} topic_missing`, 'tenant-never-prod topic_missing']))
  const fresh = await newTopic()
  topics.push(fresh)
  for (const topic of [stays, fresh]) await publish(topic.topic, own(topic, 'hello'))
  await expect.poll(() => received.length, patience).toBe(3)
  await expect(links.send(gone, [{ body: 'late' }])).rejects.toMatchObject({ code: 'substrate_unavailable' })
})

it('a key that is refused is looked up anew, and receiving and sending go on', async () => {
  const topic = await newTopic()
  const right = server.namespace.connectionString
  let current = right.replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${Buffer.alloc(32, 7).toString('base64')}`)
  const { links, received, faults, receive } = linksTo([topic], { connectionString: async () => current })
  receive()
  await expect.poll(() => faults[0], patience).toMatchObject({ kind: 'unreachable', code: 'unauthorized' })
  await expect(links.send(topic, [{ body: 'too early' }])).rejects.toMatchObject({ code: 'substrate_unavailable' })
  current = right
  // The first use finds the refused key, and with it the new one.
  await expect.poll(() => links.send(topic, [{ body: 'hello' }]).then(() => 'sent', String), patience).toBe('sent')
  await expect.poll(() => received, patience).toEqual([`${topic.tenantId} "hello"`])
})

it('topics that cannot be asked for are reported, and those known are served on', async () => {
  const topic = await newTopic()
  let isDown = false
  const { received, faults, receive } = linksTo([topic], {
    topics: async () => {
      if (isDown) throw new Error('no registry')
      return [topic]
    },
  })
  receive()
  await publish(topic.topic, own(topic, 1))
  await expect.poll(() => received.length, patience).toBe(1)
  isDown = true
  await expect.poll(() => faults[0]?.kind, patience).toBe('topics-unknown')
  await publish(topic.topic, own(topic, 2))
  await expect.poll(() => received.length, patience).toBe(2)
})
