import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createTenantDatabase, type TenantClient } from '../../../packages/sdk/database/databases.ts'
import { startProxy, type Proxy } from '../../support/proxy.ts'
import { namesOf } from '../isolation/support.ts'
import { startMoving, type Moving } from './moving.ts'

/** Longer than it takes to see what the server did, so that its answer is still under way then. */
const lateMs = 600

let proxy: Proxy
let moving: Moving
beforeAll(async () => {
  moving = await startMoving(() => proxy.port)
  proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(moving.side(0).cell.bootstrap.adminUrl).port) })
})
afterEach(async () => {
  proxy.latency(0)
  await proxy.resume()
})
afterAll(async () => {
  await proxy.stop()
  await moving.stop()
})

/** A transaction that counts, whose COMMIT is late; gives how often its work ran, too. */
function counting(id: string, options: { idempotencyKey?: string }) {
  const database = createTenantDatabase({ api: { url: moving.api.url, apiKey: 'fh_test' }, tenant: 'acme' })
  let runs = 0
  const sent = Promise.withResolvers<void>()
  const result = database.transaction(async (client) => {
    runs += 1
    await client.query('update counter set n = n + 1')
    await client.query('insert into ops (id) values ($1)', [id])
    if (runs === 1)
      beforeCommit(client, () => {
        proxy.latency(lateMs)
        sent.resolve()
      })
    return { runs, at: new Date(0) }
  }, options)
  const failed = result.then(
    () => undefined,
    (error: unknown) => error,
  )
  return {
    /** COMMIT is on its way. */
    sent: sent.promise,
    result,
    failed,
    runs: () => runs,
    close: () => database.close(),
  }
}

function beforeCommit(client: TenantClient, happens: () => void): void {
  const real: (...given: unknown[]) => unknown = client.query.bind(client)
  const query = (...given: unknown[]) => {
    const [first] = given
    if (typeof first === 'object' && first !== null && 'text' in first && first.text === 'commit') happens()
    return real(...given)
  }
  Object.assign(client, { query })
}

const isThere = (id: string) => async () =>
  expect(await moving.rows(0, `select id from $s.ops where id = '${id}'`)).toHaveLength(1)
const committed = (id: string) => vi.waitFor(isThere(id), { timeout: 10_000, interval: 10 })
const counted = async () => ((await moving.rows(0, 'select n from $s.counter')) as { n: number }[])[0]?.n

async function cut(): Promise<void> {
  await proxy.cut()
  proxy.latency(0)
  await proxy.resume()
}

/** The server ends the session before COMMIT reaches it. */
async function end(): Promise<void> {
  const { appRole } = namesOf(moving.side(0).tenant)
  await moving.rows(0, `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${appRole}'`)
  proxy.latency(0)
}

test('a COMMIT whose answer was lost is found by its key, and its result given', async () => {
  const before = Number(await counted())
  const one = counting('found', { idempotencyKey: 'found' })
  await committed('found')
  await cut()
  expect(await one.result).toEqual({ runs: 1, at: '1970-01-01T00:00:00.000Z' })
  expect(one.runs()).toBe(1)
  expect(await counted()).toBe(before + 1)
  await one.close()
})

test('a COMMIT that never arrived is found missing by its key, and done again', async () => {
  const before = Number(await counted())
  const one = counting('missing', { idempotencyKey: 'missing' })
  await one.sent
  await end()
  expect(await one.result).toMatchObject({ runs: 2 })
  expect(await counted()).toBe(before + 1)
  await one.close()
})

test.each([
  ['was lost', async (id: string) => (await committed(id), cut()), 1],
  ['will never come', async () => end(), 0],
])('without a key a COMMIT whose answer %s is told as unknown, and not done again', async (name, happens, done) => {
  const before = Number(await counted())
  const one = counting(name, {})
  await one.sent
  await happens(name)
  expect(await one.failed).toMatchObject({
    name: 'TenantDatabaseError',
    code: 'outcome_unknown',
    retry: false,
    message: expect.stringContaining('idempotency key') as string,
  })
  expect([one.runs(), await counted()]).toEqual([1, before + done])
  await one.close()
})

test('a connection that is lost before COMMIT was sent leaves no doubt: the work is done again', async () => {
  const before = Number(await counted())
  const database = createTenantDatabase({ api: { url: moving.api.url, apiKey: 'fh_test' }, tenant: 'acme' })
  let runs = 0
  await database.transaction(async (client) => {
    runs += 1
    await client.query('update counter set n = n + 1')
    if (runs < 3) await cut()
    await client.query('select from ops limit 1')
  })
  expect([runs, await counted()]).toEqual([3, before + 1])
  await database.close()
})
