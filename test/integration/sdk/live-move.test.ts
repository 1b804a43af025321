import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTenantDatabase, type TenantClient } from '../../../packages/sdk/database/databases.ts'
import { startMoving, type Moving } from './moving.ts'

let moving: Moving

beforeAll(async () => {
  moving = await startMoving()
})
afterAll(() => moving.stop())

const open = (more: object = {}) =>
  createTenantDatabase({ api: { url: moving.api.url, apiKey: 'fh_test' }, tenant: 'acme', ...more })

async function write(client: TenantClient, id: string): Promise<string> {
  await client.query('insert into ops (id) values ($1)', [id])
  await client.query('update counter set n = n + 1')
  return id
}

test.each([
  ['under a key, while sessions end too', true],
  ['without a key', false],
])('writers %s see no error, and nothing is lost or doubled, over four moves', async (_, isKeyed) => {
  const database = open()
  const acknowledged: string[] = []
  const before = await counter()
  let isRunning = true
  const writer = async (name: string) => {
    for (let n = 0; isRunning; n += 1) {
      const id = `${name}-${n}`
      const options = isKeyed ? { idempotencyKey: id } : {}
      acknowledged.push(await database.transaction((client) => write(client, id), options))
    }
  }
  const writers = Promise.all(Array.from({ length: 6 }, (__, n) => writer(`${isKeyed}-${n}`)))
  const more = (than: number) =>
    vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(than + 20), { timeout: 20_000, interval: 10 })
  for (let moves = 0; moves < 4; moves += 1) {
    await more(acknowledged.length)
    const held = await moving.close(isKeyed)
    await sleep(30)
    await moving.open(held)
    await sleep(30)
    moving.publish()
  }
  await more(acknowledged.length)
  isRunning = false
  await writers
  await database.close()
  const rows = await moving.rows(moving.shown.at, `select id from $s.ops where id like '${isKeyed}-%' order by id`)
  expect(rows).toEqual(acknowledged.toSorted().map((id) => ({ id })))
  expect(await counter()).toBe(before + acknowledged.length)
})

async function counter(): Promise<number> {
  const [row] = (await moving.rows(moving.shown.at, 'select n from $s.counter')) as { n: number }[]
  return row?.n ?? -1
}

test('while the API is away, what is known is enough as long as the gate agrees', async () => {
  const database = open({ freshMs: 10 })
  const one = () => database.transaction(async (client) => (await client.query('select 1 as one')).rows[0] as unknown)
  await one()
  moving.shown.isAway = true
  try {
    await sleep(30)
    expect(await one()).toEqual({ one: 1 })
    await sleep(30)
    expect(await one()).toEqual({ one: 1 })
    const held = await moving.close()
    await moving.open(held)
    moving.publish()
    const late = one()
    expect(await Promise.race([late, sleep(300, 'it waits')])).toBe('it waits')
    moving.shown.isAway = false
    expect(await late).toEqual({ one: 1 })
  } finally {
    moving.shown.isAway = false
    await database.close()
  }
})

test('a transaction waits for the context that leads to the open side, and enters nowhere before', async () => {
  const database = open()
  let entered = 0
  const count = () =>
    database.transaction(async (client) => {
      entered += 1
      await client.query('select from ops limit 1')
    })
  await count()
  const held = await moving.close()
  await moving.open(held)
  const waiting = count()
  await sleep(400)
  expect(entered).toBe(1)
  moving.publish()
  await waiting
  expect(entered).toBe(2)
  await database.close()
})

test('a tenant that is not active is told at once, and is served again when it is', async () => {
  const database = open({ freshMs: 10 })
  moving.shown.state = 'suspended'
  const began = performance.now()
  await expect(database.transaction(async () => {})).rejects.toMatchObject({
    name: 'TenantDatabaseError',
    code: 'transition_not_allowed',
    retry: false,
    facts: { state: 'suspended' },
  })
  expect(performance.now() - began).toBeLessThan(2_000)
  moving.shown.state = 'active'
  await sleep(20)
  expect(await database.transaction(async () => 'served')).toBe('served')
  await database.close()
})

test('a side that does not open in time is an error that says why', async () => {
  const database = open({ timeoutMs: 300 })
  const held = await moving.close()
  await expect(database.transaction(async () => {})).rejects.toMatchObject({
    code: 'substrate_unavailable',
    retry: true,
    message: expect.stringContaining('epoch') as string,
  })
  await moving.open(held)
  moving.publish()
  await database.close()
})
