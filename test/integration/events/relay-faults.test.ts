import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TenantWithTopic } from '../../../bench/tenants-with-topics.ts'
import type { Publisher } from '../../../events/publisher.ts'
import { deliveryLag } from '../../../registry/delivery-lag.ts'
import { openRelayWorld, receiveAll, sequences, upTo, type RelayWorld } from '../../support/relay.ts'

/** How long the bus is down, in milliseconds. */
const outageMs = Number(process.env['OUTAGE_MS'] ?? 1_500)

let world: RelayWorld
beforeEach(async () => {
  world = await openRelayWorld()
})
afterEach(() => world.close())

const atGovernance = async () => sequences(await receiveAll(world.high.namespace.connectionString, 'governance'))
const atTopic = async ({ topic }: TenantWithTopic) =>
  sequences(await receiveAll(world.low.namespace.connectionString, topic))

/** Tenants with an event each, whose topics receive. */
async function tenantsWithTopics(count: number): Promise<TenantWithTopic[]> {
  const tenants = await world.tenants(count)
  for (const tenant of tenants) await world.append(tenant, 1).then(() => world.openTopic(tenant))
  return tenants
}

const all = (tenants: readonly TenantWithTopic[], count: number) =>
  Object.fromEntries(tenants.map(({ id }) => [id, upTo(count)]))
const governed = `not exists (select from deliveries where destination = 'governance' and head > cursor)`
const failedWith = `exists (select from deliveries where error like ?)`

test('a bus that is down delays its own events and no others; when it is back all arrive in order and once', async () => {
  const tenants = await tenantsWithTopics(100)
  const { metrics } = world.relay()
  await world.delivered()
  await world.low.stop()
  const until = Date.now() + outageMs
  let appended = 1
  do {
    await Promise.all(tenants.map((tenant) => world.append(tenant, 1)))
    appended += 1
    await world.until(governed)
  } while (Date.now() < until)
  await world.until(`exists (select from deliveries where destination <> 'governance' and attempts > 0)`)
  const [{ touched } = { touched: 0 }] = await world.sql(
    `select count(*)::int as touched from deliveries where attempts > 0`,
  )
  expect(touched).toBeLessThan(100)
  await world.low.start()
  await world.delivered()
  expect(await atGovernance()).toEqual(all(tenants, appended))
  const found = []
  for (let from = 0; from < tenants.length; from += 25)
    found.push(...(await Promise.all(tenants.slice(from, from + 25).map(atTopic))))
  expect(found).toEqual(tenants.map(({ id }) => ({ [id]: upTo(appended) })))
  expect(await metrics.metrics()).toMatch(/freehold_relay_failures_total\{destination="topic",code="\w+"\} [1-9]/)
  expect(await deliveryLag(world.orm.em.fork())).toEqual([])
})

test('a bus that is down at the start keeps nobody from starting; the governance topic is made when it is back', async () => {
  await world.high.stop()
  const tenants = await tenantsWithTopics(3)
  world.relay()
  await world.until(`(select count(*) from deliveries where destination <> 'governance' and cursor = 1) = 3`)
  await world.until(failedWith, ['unreachable: %'])
  await world.high.start()
  await world.delivered()
  expect(await atGovernance()).toEqual(all(tenants, 1))
})

test('a topic deleted by hand delays its own events only, and says so; back again, it receives what it missed', async () => {
  const tenants = await tenantsWithTopics(3)
  const [lost, ...others] = tenants
  if (lost === undefined) throw new Error('no tenant')
  world.relay()
  await world.delivered()
  await world.low.administration.deleteTopic(lost.topic)
  for (const tenant of tenants) await world.append(tenant, 2)
  await world.until(`not exists (select from deliveries where stream <> ? and head > cursor)`, [lost.id])
  await world.until(failedWith, ['topic_missing: %'])
  for (const tenant of others) expect(await atTopic(tenant)).toEqual({ [tenant.id]: upTo(3) })
  const [lag] = await deliveryLag(world.orm.em.fork())
  expect(lag).toMatchObject({ destination: 'topic', undelivered: 2, failing: 1, worstError: 'topic_missing' })
  await world.low.administration.createTopic(lost.topic, { requiresDuplicateDetection: true })
  await world.low.administration.createSubscription(lost.topic, 'all')
  await world.delivered()
  expect(await atTopic(lost)).toEqual({ [lost.id]: [2, 3] })
  expect(await atGovernance()).toEqual(all(tenants, 3))
})

test('a governance topic deleted by hand is not made again behind its subscribers’ back; a new worker makes it', async () => {
  const tenants = await tenantsWithTopics(5)
  const first = world.relay()
  await world.delivered()
  await world.high.administration.deleteTopic('governance')
  for (const tenant of tenants) await world.append(tenant, 2)
  await world.until(failedWith, ['topic_missing: %a worker that starts makes the governance topic%'])
  await world.until(`not exists (select from deliveries where destination <> 'governance' and head > cursor)`)
  expect(await world.high.topics()).toEqual([])
  const [lag] = await deliveryLag(world.orm.em.fork())
  expect(lag).toMatchObject({ destination: 'governance', undelivered: 10 })
  expect(lag?.worstError).toContain('topic "governance" is not on bus "high"')
  await first.stop()
  world.relay()
  await world.delivered()
  expect(await atGovernance()).toEqual(Object.fromEntries(tenants.map(({ id }) => [id, [2, 3]])))
})

test('a topic of the governance topic’s name that is somebody else’s is left alone', async () => {
  await world.high.administration.createTopic('governance', { userMetadata: 'theirs' })
  await world.high.administration.createSubscription('governance', 'all')
  const [tenant] = await tenantsWithTopics(1)
  world.relay()
  await world.until(failedWith, ['not_owned: topic "governance" exists on bus "high" and is not marked%'])
  await world.until(`exists (select from deliveries where stream = ? and destination <> 'governance' and cursor = 1)`, [
    tenant?.id,
  ])
  expect(await atGovernance()).toEqual({})
})

test('without a governance topic nothing is sent there, and nothing is held up or fails', async () => {
  const tenants = await tenantsWithTopics(2)
  world.relay({ governed: false })
  await world.until(`not exists (select from deliveries where destination <> 'governance' and head > cursor)`)
  expect(
    await world.sql(`select cursor::int, attempts, error from deliveries where destination = 'governance'`),
  ).toEqual(tenants.map(() => ({ cursor: 0, attempts: 0, error: null })))
})

test('a refused credential is told without showing it, and a new one is used without a restart', async () => {
  const right = world.secrets['env:LOW'] ?? ''
  world.secrets['env:LOW'] = right.replace(/SharedAccessKey=[^;]+/, 'SharedAccessKey=planted-key')
  const tenants = await tenantsWithTopics(3)
  const { lines } = world.relay()
  await world.until(failedWith, ['unauthorized: bus "low" refuses the credential%'])
  await world.until(governed)
  world.secrets['env:LOW'] = right
  await world.delivered()
  for (const tenant of tenants) expect(await atTopic(tenant)).toEqual({ [tenant.id]: [1] })
  expect(lines.join('')).toContain('unauthorized')
  expect(lines.join('') + JSON.stringify(await world.sql('select * from deliveries'))).not.toContain('planted')
})

test('a bus that asks for less is given a pause, and then everything arrives', async () => {
  let underWay = 0
  /** How many were under way with each call. */
  const calls: number[] = []
  const around = (inner: Publisher): Publisher => ({
    ...inner,
    async publish(address, messages, mayGoOn) {
      if (address.bus !== 'low') return inner.publish(address, messages, mayGoOn)
      underWay += 1
      calls.push(underWay)
      const isThrottled = calls.length <= 4
      await sleep(20)
      const published = isThrottled
        ? { sent: 0, failure: { code: 'throttled', message: 'less' } as const }
        : await inner.publish(address, messages, mayGoOn)
      underWay -= 1
      return published
    },
  })
  const tenants = await tenantsWithTopics(3)
  const { metrics } = world.relay({ around })
  await world.until(failedWith, ['throttled: less'])
  await world.delivered()
  // The three went together before the answer; then one at a time, until the bus takes one.
  expect(calls.slice(0, 5)).toEqual([1, 2, 3, 1, 1])
  for (const tenant of tenants) expect(await atTopic(tenant)).toEqual({ [tenant.id]: [1] })
  expect(await metrics.metrics()).toContain('freehold_relay_failures_total{destination="topic",code="throttled"} 4')
})
