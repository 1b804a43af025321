import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createTenantDatabase, createTenantDatabases } from '../../../packages/sdk/database/databases.ts'
import { kyselyOf } from '../../../packages/sdk/database/kysely.ts'
import { codeOf, namesOf } from '../isolation/support.ts'
import { startMoving, type Moving } from './moving.ts'

let moving: Moving
let database: ReturnType<typeof open>
beforeAll(async () => {
  moving = await startMoving()
})
afterAll(() => moving.stop())
beforeEach(() => {
  database = open()
})
afterEach(() => database.close())

const api = () => ({ url: moving.api.url, apiKey: 'fh_test' })
const open = (more: object = {}) =>
  createTenantDatabase({ api: api(), tenant: 'acme', connectionsPerTenant: 1, timeoutMs: 10_000, ...more })
const ids = (like: string) => moving.rows(0, `select id from $s.ops where id like '${like}%' order by id`)
const appRole = () => namesOf(moving.side(0).tenant).appRole
const sessions = async () =>
  (await moving.rows(0, `select pid from pg_stat_activity where usename = '${appRole()}' order by pid`)).length

const noSessions = () => vi.waitFor(async () => expect(await sessions()).toBe(0), { timeout: 10_000, interval: 50 })

test('what the work throws is rolled back and thrown as it is, and the connection goes on', async () => {
  const pids = new Set<unknown>()
  const mine = new Error('mine')
  const failing = database.transaction(async (client) => {
    pids.add((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid)
    await client.query(`insert into ops (id) values ('thrown')`)
    throw mine
  })
  await expect(failing).rejects.toBe(mine)
  const broken = database.transaction((client) => client.query('select 1 / 0'), { idempotencyKey: 'broken' })
  expect(await codeOf(broken)).toBe('22012')
  await database.transaction(async (client) => {
    pids.add((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid)
  })
  expect(pids.size).toBe(1)
  expect(await ids('thrown')).toEqual([])
  expect(await moving.rows(0, `select key from $s._freehold_keys where key = 'broken'`)).toEqual([])
})

test.each([
  ['lets an error of a statement pass', 'select 1 / 0', /a statement failed/],
  ['ends the transaction itself', 'commit', /the work ended the transaction/],
])('work that %s is not acknowledged', async (_, statement, says) => {
  const work = database.transaction(async (client) => {
    await client.query(statement).catch(() => {})
  })
  await expect(work).rejects.toMatchObject({ code: 'rolled_back', message: expect.stringMatching(says) as string })
})

test('a COMMIT that is answered by ROLLBACK is no success', async () => {
  const work = database.transaction(async (client) => {
    void client.query('select 1 / 0').catch(() => {})
  })
  await expect(work).rejects.toMatchObject({ code: 'rolled_back' })
})

test('under one key the work is done once, at the same time too, and everybody is given what it gave', async () => {
  let runs = 0
  const one = () =>
    database.transaction(
      async (client) => {
        runs += 1
        await client.query(`insert into ops (id) values ('once')`)
        return { made: [runs, null, 'ä'] }
      },
      { idempotencyKey: `a key with ' and \\ in it` },
    )
  const wide = open({ connectionsPerTenant: 4 })
  expect(await Promise.all([one(), one(), one()])).toEqual(Array(3).fill({ made: [1, null, 'ä'] }))
  await wide.close()
  expect(runs).toBe(1)
  const nothing = () => database.transaction(async () => undefined, { idempotencyKey: 'nothing' })
  expect([await nothing(), await nothing()]).toEqual([undefined, undefined])
  await expect(database.transaction(async () => 1, { idempotencyKey: '' })).rejects.toThrow(/1 to 255 characters/)
  await expect(database.transaction(async () => 1, { idempotencyKey: 'a\0' })).rejects.toThrow(/no NUL/)
})

test('a right that the work itself lacks is its own mistake, and told at once', async () => {
  let runs = 0
  const mistaken = (statement: string) =>
    database.transaction(async (client) => {
      runs += 1
      await client.query(statement)
    })
  expect(await codeOf(mistaken('select * from no_such_table'))).toBe('42P01')
  expect(await codeOf(mistaken('update _freehold_migrations set version = null'))).toBe('42501')
  expect(runs).toBe(2)
})

test('two that are in each other’s way are both done', async () => {
  const wide = open({ connectionsPerTenant: 2 })
  await wide.transaction((client) => client.query(`insert into ops (id) values ('way-a'), ('way-b')`))
  let tries = 0
  const crossing = (first: string, second: string) =>
    wide.transaction(async (client) => {
      tries += 1
      await client.query('update ops set n = n + 1 where id = $1', [first])
      await sleep(100)
      await client.query('update ops set n = n + 1 where id = $1', [second])
    })
  await Promise.all([crossing('way-a', 'way-b'), crossing('way-b', 'way-a')])
  expect(tries).toBeGreaterThan(2)
  expect(await moving.rows(0, `select n from $s.ops where id like 'way-%'`)).toEqual([{ n: 3 }, { n: 3 }])
  await wide.close()
})

test('a signal ends the work and the wait, with its reason, and nothing is committed', async () => {
  const reason = new Error('enough')
  const aborting = new AbortController()
  const sleeping = database.transaction(
    async (client) => {
      await client.query(`insert into ops (id) values ('aborted')`)
      setTimeout(() => aborting.abort(reason), 20)
      await client.query('select pg_sleep(30)')
    },
    { signal: aborting.signal },
  )
  await expect(sleeping).rejects.toBe(reason)
  const begun = Promise.withResolvers<void>()
  const holding = database.transaction(() => begun.promise)
  const waiting = database.transaction(async () => {}, { signal: AbortSignal.timeout(30) })
  await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' })
  begun.resolve()
  await holding
  expect(await ids('aborted')).toEqual([])
})

test('a password that was renewed is asked for again', async () => {
  await database.transaction(async () => {})
  const { tenant } = moving.side(0)
  const name = namesOf(tenant).passwordSecret
  await moving.rows(0, `alter role ${appRole()} password 'renewed'`)
  const before = (await tenant.secrets.read(name)) ?? ''
  await tenant.secrets.replace(name, 'renewed')
  await moving.rows(0, `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${appRole()}'`)
  expect(await database.transaction(async () => 'in')).toBe('in')
  await tenant.secrets.replace(name, before)
  await moving.rows(0, `alter role ${appRole()} password '${before}'`)
})

test('no more connections are open than the caps allow, whoever waits, and idle ones are closed', async () => {
  const many = createTenantDatabases({ api: api(), maxConnections: 3, connectionsPerTenant: 2, idleMs: 200 })
  let most = 0
  let running = true
  const look = (async () => {
    while (running) most = Math.max(most, await sessions())
  })()
  const work = (tenant: string) =>
    many.of(tenant).transaction(async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid, pg_sleep(0.01)')
      return rows[0]?.pid
    })
  const all = await Promise.all(Array.from({ length: 60 }, (_, n) => work(`tenant-${n % 3}`)))
  running = false
  await look
  expect(all).toHaveLength(60)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(3)
  const alone = await Promise.all(Array.from({ length: 20 }, () => work('tenant-0')))
  expect(new Set(alone).size).toBeLessThanOrEqual(2)
  await noSessions()
  await many.close()
  await expect(work('tenant-0')).rejects.toThrow(/connections were closed/)
})

test('a plan that allows fewer connections than asked for is waited for', async () => {
  const { cell, tenant } = moving.side(0)
  const password = (await tenant.secrets.read(namesOf(tenant).passwordSecret)) ?? ''
  await noSessions()
  const others = Array.from({ length: 12 }, () => new pg.Client(cell.urlOf(appRole(), password)))
  await Promise.all(others.map((one) => one.connect()))
  const late = database.transaction(async () => 'in')
  expect(await Promise.race([late, sleep(200, 'waits')])).toBe('waits')
  await Promise.all(others.map((one) => one.end()))
  expect(await late).toBe('in')
})

test('Kysely works in the transaction, and ends none', async () => {
  type Tables = { ops: { id: string; n?: number } }
  const given = await database.transaction(async (client) => {
    const db = kyselyOf<Tables>(client)
    await db.insertInto('ops').values({ id: 'kysely' }).execute()
    await expect(db.transaction().execute(async () => {})).rejects.toThrow(/in a transaction of the tenant database/)
    return db.selectFrom('ops').select('id').where('id', '=', 'kysely').execute()
  })
  expect(given).toEqual([{ id: 'kysely' }])
  const undone = database.transaction(async (client) => {
    await kyselyOf<Tables>(client).insertInto('ops').values({ id: 'kysely-undone' }).execute()
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  let tries = 0
  await database.transaction(async (client) => {
    tries += 1
    if (tries < 2) await sql`do $$ begin raise sqlstate '40001'; end $$`.execute(kyselyOf(client))
  })
  expect([tries, await ids('kysely')]).toEqual([2, [{ id: 'kysely' }]])
})

test('a database without a gate says what to do', async () => {
  await moving.rows(0, `alter function freehold.enter(bigint) rename to gone`)
  await expect(database.transaction(async () => {})).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining('bootstrap the cell') as string,
  })
  await moving.rows(0, `alter function freehold.gone(bigint) rename to enter`)
})
