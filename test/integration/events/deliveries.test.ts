import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TenantWithTopic } from '../../../bench/tenants-with-topics.ts'
import { appendEvents } from '../../../registry/events.ts'
import {
  claimDeliveries,
  makeDeliveriesDue,
  settleDeliveries,
  undelivered,
  type ClaimedDelivery,
} from '../../../registry/deliveries.ts'
import { sqlOf } from '../../../registry/pool.ts'
import type { Sql } from '../../../registry/sql.ts'
import { buses, openRelayWorld, type RelayWorld } from '../../support/relay.ts'

let world: RelayWorld
beforeAll(async () => {
  world = await openRelayWorld()
})
afterAll(() => world.close())

const sql: Sql = (statement) => sqlOf(world.orm.pool)(statement)
const claim = (relay: string, limit = 100, bus: string | null = buses.topics) =>
  claimDeliveries(sql, { relay, bus, limit, leaseSeconds: 30 })
const untried = (relay: string, claimed: readonly ClaimedDelivery[]) =>
  settleDeliveries(
    sql,
    relay,
    claimed.map(({ stream, destination, cursor }) => ({ stream, destination, cursor, tried: false })),
  )

async function tenants(count: number): Promise<TenantWithTopic[]> {
  await world.sql(`update deliveries set cursor = head, leased_by = null, leased_until = null`)
  const made = await world.tenants(count)
  for (const tenant of made) await world.append(tenant, 3).then(() => world.openTopic(tenant))
  return made
}

test('what one relay has claimed no other gets, until it is given back or the lease is over', async () => {
  const made = await tenants(6)
  const [one, two] = [randomUUID(), randomUUID()]
  const [first, second] = await Promise.all([claim(one, 3), claim(two, 3)])
  const streams = [...first, ...second].map(({ stream }) => stream)
  expect(new Set(streams)).toEqual(new Set(made.map(({ id }) => id)))
  expect(first[0]).toMatchObject({
    cursor: 0,
    credential: 'env:LOW',
    topic: expect.stringMatching(/^tenant-\w+-prod$/),
  })
  expect(await claim(two)).toEqual([])
  await untried(one, first)
  expect(await claim(two)).toHaveLength(3)
  await world.sql(`update deliveries set leased_until = now() - interval '1 second' where leased_by = ?`, [two])
  expect(await claim(one)).toHaveLength(6)
})

test('what is appended after the claim is not told before the next: until then a crash may take it', async () => {
  const [tenant] = await tenants(1)
  if (tenant === undefined) throw new Error('no tenant')
  const relay = randomUUID()
  const sequence = async (claimed: readonly ClaimedDelivery[]) =>
    (await undelivered(sql, claimed, { perStream: 10, inAll: 10 })).map(({ events }) => events.map(({ seq }) => seq))
  const claimed = await claim(relay)
  await world.append(tenant, 2)
  expect(await sequence(claimed)).toEqual([[1, 2, 3]])
  await untried(relay, claimed)
  expect(await sequence(await claim(relay))).toEqual([[1, 2, 3, 4, 5]])
})

test('a relay whose lease has gone to another records nothing', async () => {
  await tenants(1)
  const [slow, fast] = [randomUUID(), randomUUID()]
  const [held] = await claim(slow)
  if (held === undefined) throw new Error('nothing to claim')
  await world.sql(`update deliveries set leased_until = now() - interval '1 second' where leased_by = ?`, [slow])
  expect(await claim(fast)).toHaveLength(1)
  const { stream, destination } = held
  await settleDeliveries(sql, slow, [{ stream, destination, cursor: 3, tried: true }])
  const [row] = await world.sql('select cursor::int, leased_by from deliveries where stream = ? and destination = ?', [
    stream,
    destination,
  ])
  expect(row).toEqual({ cursor: 0, leased_by: fast })
})

test('the back-off grows with each failure in a row up to the longest wait, and ends with the first success', async () => {
  const [tenant] = await tenants(1)
  const relay = randomUUID()
  const waits: number[] = []
  for (let failure = 1; failure <= 10; failure += 1) {
    await makeDeliveriesDue(sql, { bus: buses.topics })
    const [held] = await claim(relay)
    if (held === undefined) throw new Error('nothing to claim')
    const { stream, destination, cursor } = held
    const more = await settleDeliveries(sql, relay, [
      { stream, destination, cursor, tried: true, error: 'timeout: no answer', longestWait: 300 },
    ])
    expect(more).toBe(false)
    const [row] = await world.sql(
      `select attempts, error, extract(epoch from due_at - now())::float8 as wait from deliveries where stream = ? and destination <> 'governance'`,
      [tenant?.id],
    )
    expect(row).toMatchObject({ attempts: failure, error: 'timeout: no answer' })
    waits.push(Number(row?.wait))
    expect(await claim(relay)).toEqual([])
  }
  const exact = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
  // By chance up to a quarter less, and a moment passes before it is looked at.
  for (const [index, wait] of waits.entries()) {
    expect(wait).toBeLessThanOrEqual(exact[index] ?? 0)
    expect(wait).toBeGreaterThan((exact[index] ?? 0) * 0.75 - 0.7)
  }
  await makeDeliveriesDue(sql)
  const [held] = await claim(relay)
  if (held === undefined) throw new Error('nothing to claim')
  const { stream, destination } = held
  expect(await settleDeliveries(sql, relay, [{ stream, destination, cursor: 2, tried: true }])).toBe(true)
  expect(await claim(relay)).toMatchObject([{ cursor: 2 }])
  const [row] = await world.sql(`select attempts, error from deliveries where leased_by = ?`, [relay])
  expect(row).toEqual({ attempts: 0, error: null })
})

test('an append that has not committed neither waits for a relay nor shows its events, and holds up no claim', async () => {
  const [busy, quiet] = await tenants(2)
  if (busy === undefined || quiet === undefined) throw new Error('no tenants')
  const relay = randomUUID()
  await world.orm.em.fork().transactional(async (tx) => {
    await appendEvents(tx, busy.id, [{ type: 'TENANCY_KEY_CREATED', actor: 'system:worker', data: {} }])
    const claimed = await claim(relay)
    expect(claimed.map(({ stream }) => stream)).toEqual([quiet.id])
    await untried(relay, claimed)
  })
  const claimed = await claim(relay)
  const lacks = await undelivered(sql, claimed, { perStream: 100, inAll: 100 })
  const found = Object.fromEntries(lacks.map(({ delivery, events }) => [delivery.stream, events.map(({ seq }) => seq)]))
  expect(found).toEqual({ [busy.id]: [1, 2, 3, 4], [quiet.id]: [1, 2, 3] })
})

test('what is lacking is read in the order of the claims, up to the limits', async () => {
  await tenants(3)
  const claimed = await claim(randomUUID())
  const counts = async (limits: { perStream: number; inAll: number }) =>
    (await undelivered(sql, claimed, limits)).map(({ events }) => events.length)
  expect(await counts({ perStream: 2, inAll: 100 })).toEqual([2, 2, 2])
  expect(await counts({ perStream: 100, inAll: 4 })).toEqual([3, 1, 0])
})
