import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanMove } from '../../../isolation/move/clean.ts'
import { moverRole } from '../../../isolation/mappers/database/mover-needs.ts'
import { namesOf as moveNamesOf } from '../../../isolation/move/capture.ts'
import { bank } from '../../support/schemas/bank.ts'
import { codeOf, databaseOf, loginAs, testCell, type TestCell } from '../isolation/support.ts'
import { expectSame, movableSchema, startApplication, wrongAt } from './rehearse.ts'
import type { Movable } from './support.ts'

const schema = bank('replica identity full')

/** What tenants and administrators do between the copy and the cut: the move goes on, or says why not, and nobody who writes is harmed. */
describe('between the copy and the cut', () => {
  let cell: TestCell
  let moving: Movable
  let writers: ReturnType<typeof startApplication>
  /** The superuser at both ends, as an administrator would be there. */
  let source: pg.PoolClient
  let target: pg.PoolClient
  beforeAll(async () => {
    cell = await testCell()
  })
  beforeEach(async () => {
    moving = await movableSchema(cell, schema)
    const at = async (name: 'source' | 'target') => {
      const client = await cell.adminIn(databaseOf(moving.tenantOf(name), cell)).connect()
      client.on('error', () => {})
      await client.query(`set search_path = ${moving.move[name].names.schema}`)
      return client
    }
    ;[source, target] = [await at('source'), await at('target')]
    writers = startApplication(cell, moving, schema, 2)
    await moving.fill()
  })
  afterEach(async () => {
    await writers.stop()
    source.release(true)
    target.release(true)
    await cleanMove(moving.move, moving.signal)
    await moving.mapper.close()
  })
  afterAll(() => cell.drop())

  async function cut(wanted: 'source' | 'target' = 'target'): Promise<void> {
    const { serving, measured } = await moving.cut(wanted, { signal: AbortSignal.timeout(15_000) })
    for (const holder of measured?.holders ?? []) await holder.end()
    expect(serving).toBe(wanted)
  }

  /** The move ends as if nothing had been: at the target, with all that was acknowledged. */
  async function arrives(): Promise<void> {
    await cut()
    await sleep(100)
    await writers.stop()
    expect(writers.errors.map(String)).toEqual([])
    expect(await wrongAt(cell, moving, 'target', schema, writers.acknowledged.length)).toEqual([])
    await expectSame(moving, 'target')
  }

  it.each([
    {
      what: 'a column is added',
      change: 'alter table pgbench_tellers add column since date',
      undo: 'alter table pgbench_tellers drop column since',
      told: 'column pgbench_tellers.since: date',
    },
    {
      what: 'a table is made',
      change: 'create table extra (id int primary key)',
      undo: 'drop table extra',
      told: 'relation extra: kind r',
    },
    {
      what: 'rows are found by other columns',
      change: 'alter table pgbench_branches replica identity full',
      undo: 'alter table pgbench_branches replica identity default',
      told: 'pgbench_branches: replica identity full',
    },
  ])('nothing is cut when $what by hand, and it is begun anew once that is undone', async ({ change, undo, told }) => {
    await source.query(change)
    const refusal = moving.cut('target')
    await expect(refusal).rejects.toMatchObject({ code: 'move_schema_changed' })
    await expect(refusal).rejects.toThrow(told)
    expect(moving.context).toEqual({ serving: 'source', epoch: 1 })
    await source.query(undo)
    await moving.fill()
    await arrives()
  })

  it('a large transaction arrives, and one that is rolled back in part arrives in part', async () => {
    await source.query('begin')
    await source.query('insert into pgbench_branches values (9, 0)')
    await source.query('savepoint one')
    await source.query(
      'update pgbench_branches set filler = repeat(filler, 1) where bid = 9; delete from pgbench_branches where bid = 9',
    )
    await source.query('rollback to savepoint one')
    await source.query(`insert into pgbench_accounts select n, 9, 0, 'many' from generate_series(100001, 200000) n`)
    await source.query('commit')
    await arrives()
    const { rows } = await target.query(
      `select (select count(*)::int from pgbench_accounts where bid = 9) as accounts, (select count(*)::int from pgbench_branches where bid = 9) as branches`,
    )
    expect(rows).toEqual([{ accounts: 100_000, branches: 1 }])
  })

  it('who reads for long, at either side, holds up neither the cut nor the way back', async () => {
    const reader = await loginAs(moving.source, cell)
    await reader.query('begin isolation level repeatable read')
    await reader.query('select count(*) from pgbench_history')
    await cut()
    const there = await loginAs(moving.target, cell)
    await there.query('begin; select count(*) from pgbench_history')
    writers.gap()
    await cut('source')
    await sleep(50)
    expect(writers.gap()).toBeLessThan(3_000)
    await cut()
    expect(await codeOf(source.query('delete from pgbench_history'))).toBe('FH010')
    for (const client of [reader, there]) await client.end()
    await writers.stop()
    expect(writers.errors.map(String)).toEqual([])
  })

  it('a table that is emptied, and a key that changes, are so on the other side', async () => {
    await source.query(`insert into pgbench_branches values (7, 0); insert into pgbench_accounts values (7007, 7, 0)`)
    await source.query('update pgbench_accounts set aid = 7008 where aid = 7007')
    await arrives()
    const { rows } = await target.query('select aid from pgbench_accounts where aid > 7000')
    expect(rows).toEqual([{ aid: 7008 }])
    await target.query('truncate pgbench_history')
    await cut('source')
    const left = await source.query('select count(*)::int as many from pgbench_history')
    expect(left.rows).toEqual([{ many: 0 }])
  })

  it.each([
    ['source', 'move_rights_missing'],
    ['target', 'move_stream_broken'],
  ] as const)(
    'the mover that may not act at the %s any more says so, and may again once it is begun anew',
    async (name, code) => {
      const provisioner = decodeURIComponent(new URL(cell.cell.provisionerUrl).username)
      const { ownerRole } = moving.move[name].names
      await source.query(`revoke ${ownerRole} from ${moverRole(provisioner)} granted by ${provisioner}`)
      for (let looks = 0; (await codeOf(moving.cut('target', { tries: 1 }))) !== code; looks += 1)
        expect(looks).toBeLessThan(10)
      await moving.fill()
      await arrives()
    },
  )

  it('a slot that somebody dropped is missed, and made anew with the copy', async () => {
    const slot = moveNamesOf(moving.move).forward
    for (;;) {
      const { rows } = await source.query<{ pid: number | null }>(
        'select active_pid as pid from pg_replication_slots where slot_name = $1',
        [slot],
      )
      if (rows[0]?.pid != null) await source.query('select pg_terminate_backend($1)', [rows[0].pid])
      if ((await codeOf(source.query('select pg_drop_replication_slot($1)', [slot]))) === 'done') break
    }
    const refusal = moving.cut('target', { tries: 2 })
    await expect(refusal).rejects.toMatchObject({ code: 'move_stream_broken' })
    await moving.fill()
    await arrives()
  })

  it('a stream whose connection was cut goes on where it was, there and back', async () => {
    for (const [wanted, stream] of [
      ['target', 'forward'],
      ['source', 'reverse'],
    ] as const) {
      const name = moveNamesOf(moving.move)[stream]
      const { rowCount } = await source.query(
        'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active',
        [name],
      )
      expect(rowCount).toBe(1)
      await cut(wanted)
    }
    await arrives()
  })

  it('a row that a superuser wrote at the target stops the stream, and the copy is begun anew', async () => {
    await target.query(`set session_replication_role = replica; insert into operations (key) values ('rogue')`)
    await source.query(`insert into operations (key) values ('rogue')`)
    for (let looks = 0; (await codeOf(moving.cut('target', { tries: 1 }))) !== 'move_stream_broken'; looks += 1)
      expect(looks).toBeLessThan(20)
    await moving.fill()
    await source.query(`delete from operations where key = 'rogue'`)
    await arrives()
  })
})
