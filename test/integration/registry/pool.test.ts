import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { openConnections, type Connections } from '../../../registry/connections.ts'
import { sqlOf, transaction } from '../../../registry/pool.ts'
import { isConflict } from '../../../registry/unavailable.ts'

/** SQL on the pool of the registry: what is given, what is thrown, and that a connection is kept when it is still good. */
describe('SQL on the pool', () => {
  let open: Connections
  beforeAll(async () => {
    open = openConnections(inject('postgresUrl'), { connections: 2 })
    await open.pool.query('create table pool_test (id int primary key, n int not null default 0)')
    await open.pool.query('insert into pool_test values (1), (2)')
  })
  afterAll(async () => {
    await open.pool.query('drop table pool_test')
    await open.close()
  })
  const ask = <R extends object>(text: string, values: unknown[] = []) =>
    sqlOf(open.pool)<R>({ name: text, text, values })
  const backends = async () => {
    const [one, two] = await Promise.all([
      ask<{ pid: number }>('select pg_backend_pid() pid'),
      ask<{ pid: number }>('select pg_backend_pid() pid'),
    ])
    return [one[0], two[0]].map((row) => String(row?.pid)).toSorted()
  }

  it('gives values as pg does, also inside of a transaction', async () => {
    const text = `select now() as at, $1::jsonb as json, 7::bigint as big`
    const expected = { at: expect.any(Date), json: { a: 1 }, big: '7' }
    expect(await ask(text, ['{"a":1}'])).toEqual([expected])
    const within = transaction(open.pool, (sql) => sql({ name: 'values', text, values: ['{"a":1}'] }))
    expect(await within).toEqual([expected])
  })

  it('prepares a statement once for each connection', async () => {
    const count = `select generic_plans + custom_plans as runs from pg_prepared_statements where name = 'kept'`
    const runs = await transaction(open.pool, async (tx) => {
      for (const n of [1, 2, 3]) await tx({ name: 'kept', text: 'select $1::int', values: [n] })
      return tx({ name: 'count', text: count })
    })
    expect(runs).toEqual([{ runs: '3' }])
  })

  it('leaves an error of SQL as it is, rolls back, and keeps the connection', async () => {
    const before = await backends()
    await expect(ask('insert into pool_test values (1)')).rejects.toMatchObject({ code: '23505' })
    const failing = transaction(open.pool, async (tx) => {
      await tx({ name: 'set', text: 'update pool_test set n = 9' })
      throw new Error('not today')
    })
    await expect(failing).rejects.toThrow('not today')
    expect(await ask('select n from pool_test where n > 0')).toEqual([])
    expect(await backends()).toEqual(before)
  })

  it('does not pass an ignored error off as a commit', async () => {
    const ignoring = transaction(open.pool, async (tx) => {
      await tx({ name: 'raise', text: 'update pool_test set n = 1 / 0' }).catch(() => undefined)
    })
    await expect(ignoring).rejects.toThrow('nothing was committed')
  })

  it('lets nobody use a transaction that is over', async () => {
    const kept = await transaction(open.pool, async (tx) => ({ tx }))
    expect(() => kept.tx({ name: 'late', text: 'select 1' })).toThrow('is over')
  })

  it('tells a deadlock from other errors', async () => {
    const set = (id: number) => ({ name: 'lock', text: 'update pool_test set n = n where id = $1', values: [id] })
    let present = 0
    const both = Promise.withResolvers<undefined>()
    const ends = await Promise.allSettled(
      [1, 2].map((id) =>
        transaction(open.pool, async (tx) => {
          await tx(set(id))
          present += 1
          if (present === 2) both.resolve(undefined)
          await both.promise
          await tx(set(3 - id))
        }),
      ),
    )
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(failed.map(isConflict)).toEqual([true])
    expect(isConflict(await ask('select 1 / 0').catch((error: unknown) => error))).toBe(false)
  })

  it('replaces a statement that became stale by a change of its table', async () => {
    await ask('select * from pool_test')
    await ask('select * from pool_test')
    await open.pool.query('alter table pool_test add column late int')
    for (const _ of [1, 2]) await ask('select * from pool_test').catch(() => undefined)
    expect(await ask('select * from pool_test')).toHaveLength(2)
  })

  it('says registry_unavailable of a registry that is not there or ends the session, and never where it is', async () => {
    const [port = 0] = await freePorts(1)
    const nowhere = openConnections(`postgresql://somebody:hunter2@127.0.0.1:${port}/x`, { connections: 1 })
    const select = { name: 'one', text: 'select 1' }
    const errors = await Promise.all(
      [sqlOf(nowhere.pool)(select), transaction(nowhere.pool, (tx) => tx(select))].map((asking) =>
        asking.catch((error: unknown) => error),
      ),
    )
    await nowhere.close()
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'registry_unavailable', retry: true })
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
    }
    await expect(ask('select pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({
      code: 'registry_unavailable',
    })
  })

  it('closes at once when nothing runs, and leaves no session', async () => {
    const other = openConnections(inject('postgresUrl'), { connections: 3 })
    await Promise.all([1, 2, 3].map(() => other.pool.query('select pg_sleep(0.05)')))
    const { rows } = await other.pool.query<{ pid: number }>('select pg_backend_pid() pid')
    const started = performance.now()
    await other.close()
    expect(performance.now() - started).toBeLessThan(1_000)
    const left = await ask('select from pg_stat_activity where pid = $1', [rows[0]?.pid])
    expect(left).toEqual([])
  })

  it('drops to the role whatever the URL asks for', async () => {
    const url = new URL(inject('postgresUrl'))
    url.searchParams.set('options', '-c role=postgres')
    const dropped = openConnections(url.href, { connections: 1, role: 'pg_monitor' })
    const { rows } = await dropped.pool.query('select current_user as who')
    await dropped.close()
    expect(rows).toEqual([{ who: 'pg_monitor' }])
  })
})
