import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus'
import pg from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { inject } from 'vitest'
import { appendSome, openTopic, seedTenants, type TenantWithTopic } from '../../bench/tenants-with-topics.ts'
import { createSigner } from '../../crypto/signing.ts'
import { governanceTopicOf } from '../../events/governance-topic.ts'
import type { Publisher } from '../../events/publisher.ts'
import { startRelay } from '../../events/relay.ts'
import { createServiceBusPublisher } from '../../events/service-bus-publisher.ts'
import { createBusAdministration } from '../../base/bus-administration.ts'
import { workerMetrics } from '../../base/metrics.ts'
import { migrateRegistry } from '../../registry/migrate.ts'
import { openRegistry, servicesRole } from '../../registry/orm.ts'
import { startTestBus } from './bus.ts'

export type RelayWorld = Awaited<ReturnType<typeof openRelayWorld>>

/** Bus of the governance topic, and bus of the tenants' topics: what happens to one must not be felt on the other. */
export const buses = { governance: 'high', topics: 'low' } as const

/** Short, so that what a killed relay held is taken over within a test. */
export const leaseSeconds = 2

/** A registry of its own with two buses, for any number of relays; gone with `close()`. */
export async function openRelayWorld() {
  const name = `r_${randomBytes(5).toString('hex')}`
  const admin = new pg.Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  await migrateRegistry(url.href)
  const orm = await openRegistry(url.href, { role: servicesRole, connections: 30 })
  const directory = mkdtempSync(join(tmpdir(), 'freehold-relay-'))
  const [high, low] = [await startTestBus(join(directory, 'high')), await startTestBus(join(directory, 'low'))]
  const declaration = { region: 'eu', capacity: 1_000, state: 'open' as const, profiles: ['mt-standard'] }
  const platform = {
    buses: [
      { ...declaration, name: buses.governance, credential: 'env:HIGH', management: 'env:HIGH_MANAGEMENT' },
      { ...declaration, name: buses.topics, credential: 'env:LOW', management: 'env:LOW_MANAGEMENT' },
    ],
    governance: { bus: buses.governance, topic: 'governance' },
  }
  const sql = (text: string, values: unknown[] = []) => orm.em.fork().execute(text, values)
  for (const bus of platform.buses)
    await sql(
      `insert into buses (name, region, state, capacity, declaration, endpoint) values (?, 'eu', 'open', 1000, ?, '{}')`,
      [bus.name, JSON.stringify(bus)],
    )
  const secrets: Record<string, string> = {
    'env:HIGH': high.namespace.connectionString,
    'env:HIGH_MANAGEMENT': high.namespace.adminConnectionString,
    'env:LOW': low.namespace.connectionString,
    'env:LOW_MANAGEMENT': low.namespace.adminConnectionString,
  }
  const platformKey = randomBytes(32)
  const relays: { stop(): Promise<void> }[] = []

  const world = {
    orm,
    sql,
    high,
    low,
    secrets,
    platform,
    signer: createSigner(platformKey),
    /** What a relay of another process needs: see doomed-relay.ts. */
    environment: {
      RELAY_DATABASE: url.href,
      RELAY_PLATFORM: JSON.stringify(platform),
      RELAY_SECRETS: JSON.stringify(secrets),
      RELAY_KEY: platformKey.toString('base64'),
      RELAY_CA: high.namespace.ca,
      RELAY_LEASE_SECONDS: String(leaseSeconds),
    },
    /** A relay in this process; `around` may stand between it and the bus. */
    relay({ around = (publisher: Publisher) => publisher, governed = true } = {}) {
      const resolveSecret = async (reference: string) => secrets[reference] ?? ''
      const manage = createBusAdministration({ certificateAuthority: high.namespace.ca })
      const publisher = createServiceBusPublisher(resolveSecret, { sendTimeoutMs: 1_000 })
      const lines: string[] = []
      const metrics = new Registry()
      const governance = governed ? governanceTopicOf(platform, { manage, resolveSecret }) : undefined
      const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(line) })
      const running = startRelay(
        { orm, signer: world.signer, publisher: around(publisher), governance, log, metrics: workerMetrics(metrics) },
        { pollMs: 20, leaseSeconds },
      )
      const relay = {
        lines,
        metrics,
        async stop() {
          await running.stop()
          await publisher.close()
        },
      }
      relays.push(relay)
      return relay
    },
    tenants: (count: number) => seedTenants(orm, low.administration, { count, bus: buses.topics }),
    append: (tenant: TenantWithTopic, count: number) => appendSome(orm, tenant.id, count),
    openTopic: (tenant: TenantWithTopic) => openTopic(orm, tenant.id),
    /** Waits until the registry says so. */
    async until(condition: string, values: unknown[] = []): Promise<void> {
      for (let tries = 0; ; tries += 1) {
        const [row] = await sql(`select (${condition}) as reached`, values)
        if (row?.reached === true) return
        if (tries > 1_500)
          throw new Error(`never: ${condition}; ${JSON.stringify(await sql('select * from deliveries'))}`)
        await sleep(20)
      }
    },
    /** Waits until nothing waits for delivery. */
    delivered: () => world.until('not exists (select from deliveries where head > cursor)'),
    async close(): Promise<void> {
      await Promise.all(relays.map((relay) => relay.stop()))
      await orm.close(true)
      await Promise.all([high.stop(), low.stop()])
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return world
}

/** All messages a subscription holds now, in the order they are received. */
export async function receiveAll(connectionString: string, topic: string): Promise<ServiceBusReceivedMessage[]> {
  const client = new ServiceBusClient(connectionString)
  try {
    const receiver = client.createReceiver(topic, 'all', { receiveMode: 'receiveAndDelete' })
    const all: ServiceBusReceivedMessage[] = []
    for (;;) {
      const some = await receiver.receiveMessages(500, { maxWaitTimeInMs: 400 })
      if (some.length === 0) return all
      all.push(...some)
    }
  } finally {
    await client.close()
  }
}

/** Sequence numbers of the events of each tenant, in the order they came. */
export function sequences(messages: readonly ServiceBusReceivedMessage[]): Record<string, number[]> {
  const byTenant = Object.groupBy(messages, ({ body }) => String(body.tenantid))
  return Object.fromEntries(
    Object.entries(byTenant).map(([tenant, some = []]) => [tenant, some.map(({ body }) => Number(body.sequence))]),
  )
}

/** 1, 2, 3, … */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
