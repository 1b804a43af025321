import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus'
import { createSigner } from '../crypto/signing.ts'
import { tenantProperty } from '../domain/tenant-messages.ts'
import { governanceTopicOf } from '../events/governance-topic.ts'
import { startRelay } from '../events/relay.ts'
import { createServiceBusPublisher } from '../events/service-bus-publisher.ts'
import { freePorts } from '../local/ports.ts'
import { startPostgres } from '../local/postgres/server.ts'
import { createBusAdministration } from '../base/bus-administration.ts'
import { createLogger } from '../base/logger.ts'
import { createMetricsRegistry, workerMetrics } from '../base/metrics.ts'
import { migrateRegistry } from '../registry/migrate.ts'
import { openRegistry, servicesRole, type Orm } from '../registry/orm.ts'
import { createDatabase } from '../deploy/create-database.ts'
import { startBroker } from './broker.ts'
import { appendSome, openTopic, seedTenants, type TenantWithTopic } from './tenants-with-topics.ts'

/** What one relay carries from a durable registry to a broker in a process of its own. */
export type RelayRates = {
  events: number
  /** Events of streams per second that are at both their destinations, governance and topic: each is two messages. */
  eventsPerSecond: number
  /** The same while other connections append events all the time. */
  eventsPerSecondWhileAppending: number
  /** Processor time of this process while there is nothing to do, in percent of a core. */
  idlePercent: number
  /** Events that are missing, twice there or out of order; 0 is right. */
  wrong: number
}

const bus = 'bench'
const governance = 'governance'
const appendsAtOnce = 5
const restMs = 5_000
const idleMs = 10_000

/** Measures how fast a relay empties a registry of `tenants` streams of `eventsOfEach` events, and whether all arrive in order. */
export async function benchRelay(size: { tenants: number; eventsOfEach: number }): Promise<RelayRates> {
  const undo: (() => Promise<unknown>)[] = []
  try {
    return await measure(size, undo)
  } finally {
    for (const step of undo.toReversed()) await step()
  }
}

async function measure(
  { tenants: count, eventsOfEach }: { tenants: number; eventsOfEach: number },
  undo: (() => Promise<unknown>)[],
): Promise<RelayRates> {
  const broker = await startBroker()
  undo.push(broker.stop)
  const orm = await openBenchRegistry(undo)
  const { connectionString, adminConnectionString, ca } = broker.namespace
  const administration = new ServiceBusAdministrationClient(
    adminConnectionString,
    Object.assign({}, { tlsOptions: { ca } }),
  )
  await orm.em
    .fork()
    .execute(
      `insert into buses (name, region, state, capacity, declaration, endpoint) values (?, 'eu', 'open', 1000, '{"credential": "env:BUS"}', '{}')`,
      [bus],
    )
  const tenants = await seedTenants(orm, administration, { count, bus })
  for (const { id } of tenants) await appendSome(orm, id, eventsOfEach)
  for (const { id } of tenants) await openTopic(orm, id)

  const resolveSecret = async (reference: string) =>
    reference === 'env:BUS' ? connectionString : adminConnectionString
  const declaration = { name: bus, region: 'eu', capacity: 1_000, state: 'open' as const, profiles: ['mt-standard'] }
  const platform = {
    buses: [{ ...declaration, credential: 'env:BUS', management: 'env:MANAGEMENT' }],
    governance: { bus, topic: governance },
  }
  const manage = createBusAdministration({ certificateAuthority: ca })
  const publisher = createServiceBusPublisher(resolveSecret, { sendTimeoutMs: 5_000 })
  const way = governanceTopicOf(platform, { manage, resolveSecret })
  // What every worker does at its start; the measure is of events.
  await way?.prepare()
  const start = () =>
    startRelay({
      orm,
      signer: createSigner(randomBytes(32)),
      publisher,
      governance: way,
      log: createLogger({ LOG_LEVEL: 'warn', LOG_FORMAT: 'json' }),
      metrics: workerMetrics(createMetricsRegistry()),
    })

  const begun = performance.now()
  const relay = start()
  undo.push(async () => {
    await relay.stop()
    await publisher.close()
  })
  await untilDelivered(orm)
  const seconds = (performance.now() - begun) / 1_000
  const secondsWhileAppending = await whileAppending(orm, tenants, eventsOfEach)
  // The collector and the compiler come to rest first.
  await sleep(restMs)
  const before = process.cpuUsage()
  await sleep(idleMs)
  const { user, system } = process.cpuUsage(before)
  const events = count * eventsOfEach
  return {
    events,
    eventsPerSecond: Math.round(events / seconds),
    eventsPerSecondWhileAppending: Math.round(events / secondsWhileAppending),
    idlePercent: Number(((user + system) / 10 / idleMs).toFixed(2)),
    wrong: await countWrong(connectionString, tenants, 2 * eventsOfEach),
  }
}

async function openBenchRegistry(undo: (() => Promise<unknown>)[]): Promise<Orm> {
  const stateDir = await mkdtemp(join(tmpdir(), 'freehold-bench-'))
  undo.push(() => rm(stateDir, { recursive: true, force: true }))
  const [port = 0] = await freePorts(1)
  const server = await startPostgres({ stateDir, port, password: randomBytes(12).toString('hex'), log: () => {} })
  undo.push(() => server.stop())
  const url = new URL(server.url)
  url.pathname = '/freehold'
  await createDatabase(url.href)
  await migrateRegistry(url.href)
  const orm = await openRegistry(url.href, { role: servicesRole, connections: 20 })
  undo.push(() => orm.close(true))
  return orm
}

async function untilDelivered(orm: Orm): Promise<void> {
  for (;;) {
    const [row] = await orm.em.fork().execute('select exists (select from deliveries where head > cursor) as waiting')
    if (row?.waiting === false) return
    await sleep(20)
  }
}

/** Appends as many events again, one by one on several connections, while the relay runs; gives seconds to the last delivery. */
async function whileAppending(orm: Orm, tenants: readonly TenantWithTopic[], eventsOfEach: number): Promise<number> {
  const begun = performance.now()
  const left = Array.from({ length: eventsOfEach / appendsAtOnce }, () => tenants).flat()
  const append = async () => {
    for (let tenant = left.pop(); tenant !== undefined; tenant = left.pop())
      await appendSome(orm, tenant.id, appendsAtOnce)
  }
  await Promise.all(Array.from({ length: 4 }, append))
  await untilDelivered(orm)
  return (performance.now() - begun) / 1_000
}

/** Receives everything and compares it with 1, 2, 3, … of each stream. */
async function countWrong(
  connectionString: string,
  tenants: readonly TenantWithTopic[],
  eventsOfEach: number,
): Promise<number> {
  const client = new ServiceBusClient(connectionString)
  try {
    let wrong = 0
    const check = async (topic: string, streams: number) => {
      const seen = await sequences(client, topic)
      if (seen.size !== streams) wrong += Math.abs(streams - seen.size) * eventsOfEach
      for (const list of seen.values())
        for (let index = 0; index < Math.max(eventsOfEach, list.length); index += 1)
          if (list[index] !== index + 1) wrong += 1
    }
    await check(governance, tenants.length)
    for (const { topic } of tenants) await check(topic, 1)
    return wrong
  } finally {
    await client.close()
  }
}

/** Sequence numbers in the order they came, by tenant. */
async function sequences(client: ServiceBusClient, topic: string): Promise<Map<string, number[]>> {
  const receiver = client.createReceiver(topic, 'all', { receiveMode: 'receiveAndDelete' })
  const seen = new Map<string, number[]>()
  for (;;) {
    const messages = await receiver.receiveMessages(500, { maxWaitTimeInMs: 500 })
    if (messages.length === 0) break
    for (const { applicationProperties } of messages) {
      const tenant = String(applicationProperties?.[tenantProperty])
      seen.set(tenant, [...(seen.get(tenant) ?? []), Number(applicationProperties?.['sequence'])])
    }
  }
  await receiver.close()
  return seen
}
