import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { readiness } from '../../../base/readiness.ts'
import type { ConnectionLimits } from '../../../registry/connections.ts'
import { openRegistry, type Orm } from '../../../registry/orm.ts'
import { sqlOf, transaction } from '../../../registry/pool.ts'
import { startProxy, type Proxy } from '../../support/proxy.ts'

const connections = 6
const limits: ConnectionLimits = { connect: 400, lock: 300, statement: 300, query: 600 }
/** A slot, a connection and one statement, each at its limit, with room for a busy machine. */
const boundMs = 4_000

/** A registry that is killed, restarted and made silent costs the work of that moment, and nothing for good. */
describe('a registry that goes away and comes back', () => {
  const name = `o_${randomBytes(5).toString('hex')}`
  const admin = new pg.Client({ connectionString: inject('postgresUrl') })
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  let proxy: Proxy
  let orm: Orm

  beforeAll(async () => {
    await admin.connect()
    await admin.query(`create database ${name}`)
    await onServer('create table pairs (id text, half int)')
    proxy = await startProxy({ host: url.hostname, port: Number(url.port) })
    orm = await openRegistry(proxy.through(url.href), { connections, limits })
  })
  afterAll(async () => {
    await orm.close(true)
    await proxy.stop()
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  })

  async function onServer<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    const { rows } = await client.query<Row>(text)
    await client.end()
    return rows
  }
  const terminateAll = async () =>
    admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and backend_type = 'client backend'`,
    )
  const ready = async () => (await readiness({ registry: orm.probe }))['registry']

  async function untilReady(): Promise<void> {
    for (let tries = 0; !(await ready()); tries += 1) {
      if (tries > 100) throw new Error('the registry is never ready again')
      await sleep(20)
    }
  }

  /** Transactions and statements one after the other, until told to stop; what was told to be committed, and the longest wait. */
  async function load(kind: 'orm' | 'sql', running: { is: boolean }, told: Set<string>): Promise<number> {
    let longest = 0
    while (running.is) {
      const id = randomBytes(8).toString('hex')
      const started = performance.now()
      await pair[kind](id).then(
        () => told.add(id),
        () => sleep(5),
      )
      longest = Math.max(longest, performance.now() - started)
    }
    return longest
  }

  const pair = {
    async orm(id: string): Promise<void> {
      await orm.em.fork().execute('select 1')
      await orm.em.fork().transactional(async (em) => {
        await em.execute('insert into pairs values (?, 1)', [id])
        await em.transactional(async (inner) => inner.execute('insert into pairs values (?, 2)', [id]))
      })
    },
    async sql(id: string): Promise<void> {
      await sqlOf(orm.pool)({ name: 'one', text: 'select 1' })
      await transaction(orm.pool, async (tx) => {
        for (const half of [1, 2])
          await tx({ name: 'half', text: 'insert into pairs values ($1, $2)', values: [id, half] })
      })
    },
  }

  it('is slow, and all is well', async () => {
    proxy.latency(20)
    await pair.orm('slow-1')
    await pair.sql('slow-2')
    expect(await ready()).toBe(true)
    proxy.latency(0)
  })

  it('ten times under load: everything ends, no slot is lost, nothing is done by half, health tells the truth', async () => {
    const running = { is: true }
    const told = new Set<string>()
    const loads = [...Array(connections)].flatMap(() => [load('orm', running, told), load('sql', running, told)])
    for (let round = 0; round < 10; round += 1) {
      await sleep(150)
      const before = told.size
      if (round % 3 === 0) proxy.silence()
      if (round % 3 === 1) await proxy.cut()
      if (round % 3 === 2) {
        await terminateAll()
        await proxy.cut()
      }
      expect(await ready(), `round ${round}, gone`).toBe(false)
      await sleep(200)
      await proxy.resume()
      await untilReady()
      while (told.size === before) await sleep(20)
    }
    running.is = false
    for (const longest of await Promise.all(loads)) expect(longest).toBeLessThan(boundMs)

    expect(orm.pool.waitingCount).toBe(0)
    expect(orm.pool.totalCount).toBe(orm.pool.idleCount)
    await allSlots()
    const rows = await onServer<{ id: string; halves: number }>(
      'select id, count(*)::int halves from pairs group by id',
    )
    expect(rows.filter(({ halves }) => halves !== 2)).toEqual([])
    const found = new Set(rows.map(({ id }) => id))
    expect([...told].filter((id) => !found.has(id))).toEqual([])
  })

  /** As many transactions at a time as there are connections; each waits for all the others to have one. */
  async function allSlots(): Promise<void> {
    let present = 0
    const all = Promise.withResolvers<undefined>()
    await Promise.all(
      [...Array(connections)].map((_, index) =>
        index % 2 === 0
          ? orm.em.fork().transactional(async (em) => em.execute('select 1').then(meet))
          : transaction(orm.pool, meet),
      ),
    )
    async function meet(): Promise<void> {
      present += 1
      if (present === connections) all.resolve(undefined)
      await all.promise
    }
  }

  it('is ready while the pool is all in use, and gives up waiting for a slot', async () => {
    const held = Promise.withResolvers<undefined>()
    const holding = [...Array(connections)].map(() => transaction(orm.pool, () => held.promise))
    while (orm.pool.totalCount < connections || orm.pool.idleCount > 0) await sleep(5)
    expect(await ready()).toBe(true)
    await expect(sqlOf(orm.pool)({ name: 'one', text: 'select 1' })).rejects.toMatchObject({
      code: 'registry_unavailable',
    })
    held.resolve(undefined)
    await Promise.all(holding)
  })

  it('ends what runs on a network that stays silent after one timeout, and closes its connections', async () => {
    const patience = { ...limits, statement: 0, query: 1_500 }
    const other = await openRegistry(proxy.through(url.href), { connections: 4, limits: patience })
    const heard = Promise.withResolvers<undefined>()
    const one = { name: 'one', text: 'select 1' }
    let begun = 0
    const begin = async () => {
      begun += 1
      await heard.promise
    }
    const working = [
      transaction(other.pool, (tx) => begin().then(() => tx(one))),
      other.em.fork().transactional((em) => begin().then(() => em.execute('select 1'))),
      other.em.fork().transactional((em) => em.transactional((inner) => begin().then(() => inner.execute('select 1')))),
    ].map((work) => work.then(String, String))
    while (begun < working.length) await sleep(5)
    await sqlOf(other.pool)(one)
    proxy.silence()
    const started = performance.now()
    heard.resolve(undefined)
    const ends = await Promise.all([...working, sqlOf(other.pool)(one).then(String, String)])
    expect(performance.now() - started).toBeLessThan(2_800)
    for (const end of ends) expect(end).toMatch(/the registry does not answer|Query read timeout/)
    expect(other.pool.totalCount).toBe(0)
    await proxy.resume()
    await other.close(true)
  })

  it.each(['silent', 'gone'] as const)('closes while it is %s, with transactions open', async (how) => {
    const other = await openRegistry(proxy.through(url.href), { connections, limits: { ...limits, query: 60_000 } })
    const working = [...Array(3)].flatMap(() => [
      other.em.fork().transactional(async (em) => em.execute(`select pg_sleep(60)`)),
      transaction(other.pool, (tx) => tx({ name: 'sleep', text: 'select pg_sleep(60)' })),
    ])
    const ends = Promise.allSettled(working)
    await sleep(100)
    if (how === 'silent') proxy.silence()
    else await proxy.cut()
    const started = performance.now()
    await other.close(true)
    expect(performance.now() - started).toBeLessThan(8_000)
    expect((await ends).map(({ status }) => status)).toEqual(working.map(() => 'rejected'))
    await other.close(true)
    await proxy.resume()
  })
})
