import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanMove } from '../../../isolation/move/clean.ts'
import { prove } from '../../../isolation/move/prove.ts'
import { script } from '../../support/awkward-schema.ts'
import { databaseOf, testCell, type TestCell } from '../isolation/support.ts'
import { movable, startWriters, type Movable } from './support.ts'

const schema = [
  script(
    '1.0.0/001.sql',
    `create table orders (id bigint generated always as identity primary key, key text not null unique, note jsonb not null default '{}');
    create table lines (id bigserial primary key, order_id bigint not null references orders, amount int not null);
    create index on lines (order_id);
    create table counters (writer text primary key, value bigint not null default 0);`,
  ),
]

async function write(client: pg.Client, key: string): Promise<void> {
  const { rows } = await client.query<{ id: string }>('insert into orders (key) values ($1) returning id', [key])
  await client.query('insert into lines (order_id, amount) values ($1, 1), ($1, 2)', [rows[0]?.id])
  await client.query(
    'insert into counters values ($1, 1) on conflict (writer) do update set value = counters.value + 1',
    [key.split('/')[0]],
  )
}

/** The move of a database under writers, from end to end, without the workflow around it. */
describe('a move of a database under writers', () => {
  let cell: TestCell
  let moving: Movable
  beforeAll(async () => {
    cell = await testCell()
    moving = await movable(cell, schema)
  })
  afterAll(async () => {
    await cleanMove(moving.move, moving.signal)
    await moving.mapper.close()
    await cell.drop()
  })

  const rowsAt = async (name: 'source' | 'target') => {
    const { rows } = await cell
      .adminIn(databaseOf(moving.tenantOf(name), cell))
      .query<{ keys: number; lines: number; counted: number }>(
        `select (select count(*)::int from ${moving.move[name].names.schema}.orders) as keys,
          (select count(*)::int from ${moving.move[name].names.schema}.lines) as lines,
          (select coalesce(sum(value), 0)::int from ${moving.move[name].names.schema}.counters) as counted`,
      )
    return rows[0]
  }

  it('loses nothing, doubles nothing, is proven, comes back, and leaves nothing behind', async () => {
    const { move, signal } = moving
    const writers = startWriters(cell, moving, 4, write)
    await sleep(300)
    await moving.fill()
    await sleep(300)
    const there = await moving.cut('target')
    expect(there).toMatchObject({ serving: 'target', epoch: 2 })
    const { snapshots, holders = [] } = there.measured ?? {}
    await sleep(300)

    const proof = await prove(move, {
      fence: moving.fence(),
      pair: snapshots && { source: snapshots.from, target: snapshots.to },
      serving: 'target',
      onProgress: () => {},
      signal,
    })
    for (const holder of holders) await holder.end()
    expect(proof.taken).toBe('at-the-cut')
    await sleep(300)
    // Connections of the streams break: the way back must stay open.
    await cell.admin.query(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name like $1',
      [`fh_${move.id}%`],
    )
    await sleep(100)
    const back = await moving.cut('source')
    expect(back).toMatchObject({ serving: 'source', epoch: 3 })
    for (const holder of back.measured?.holders ?? []) await holder.end()
    await sleep(300)

    const acknowledged = await writers.stop()
    expect(writers.errors).toEqual([])
    expect(await rowsAt('source')).toEqual({
      keys: acknowledged.length,
      lines: 2 * acknowledged.length,
      counted: acknowledged.length,
    })
    const later = await prove(move, { fence: moving.fence(), serving: 'source', onProgress: () => {}, signal })
    expect(later.taken).toBe('later')
    await cleanMove(move, signal)
    const left = await cell.admin.query(
      `select slot_name::text as name from pg_replication_slots where slot_name like $1 union all select subname from pg_subscription where subname like $1`,
      [`fh_${move.id}%`],
    )
    expect(left.rows).toEqual([])
  })
})
