import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanMove } from '../../../isolation/move/clean.ts'
import { script } from '../../support/awkward-schema.ts'
import { codeOf, databaseOf, loginAs, testCell, type TestCell } from '../isolation/support.ts'
import { movable, type Movable } from './support.ts'

const schema = [script('1.0.0/001.sql', 'create table entries (id int primary key, note text)')]

/** Nobody writes at the side that was left, by whatever way: a right alone would let all of these through. */
describe('the side that a cut has closed', () => {
  let cell: TestCell
  let moving: Movable
  /** The superuser where the tenant lived; it makes what a tenant may have outside of its schema. */
  let admin: pg.Pool
  const table = () => `${moving.move.source.names.schema}.entries`
  beforeAll(async () => {
    cell = await testCell()
    moving = await movable(cell, schema)
    admin = cell.adminIn(databaseOf(moving.source, cell))
  })
  afterAll(async () => {
    await cleanMove(moving.move, moving.signal)
    await moving.mapper.close()
    await cell.drop()
  })

  const ways = {
    'a statement': `insert into ${'TABLE'} values (ID, 'plain')`,
    'a view in another schema': `insert into side.entries_view values (ID, 'view')`,
    'a definer function': 'select side.write(ID)',
    'a function with a parsed body': 'select side.write_atomic(ID)',
  }

  it('takes no write from a session that is there already, nor from one that waited for the cut', async () => {
    await moving.fill()
    // After the preflight, which refuses what it can see of it.
    const { appRole } = moving.move.source.names
    await admin.query(`create schema side;
      create view side.entries_view as select * from ${table()};
      create function side.write(id int) returns void language sql security definer as $$ insert into ${table()} values (id, 'definer') $$;
      create function side.write_atomic(id int) returns void language sql security definer begin atomic insert into ${table()} values (id, 'atomic'); end;
      grant usage on schema side to ${appRole}; grant select, insert on side.entries_view to ${appRole};
      grant execute on all functions in schema side to ${appRole}`)
    const sessions = await Promise.all(Object.keys(ways).map(() => loginAs(moving.source, cell)))
    // These wait for the fence, and are in the middle of their statement when the side closes.
    const holding = await loginAs(moving.source, cell)
    await holding.query(`begin; insert into ${table()} values (1, 'before the cut')`)
    const cutting = moving.cut('target')
    await sleep(100)
    const waiting = Object.values(ways).map((sql, index) =>
      codeOf((sessions[index] ?? holding).query(sql.replace('TABLE', table()).replace('ID', String(100 + index)))),
    )
    await sleep(100)
    await holding.query('commit')
    const outcome = await cutting
    const answers = await Promise.all(waiting)
    // Who came before the fence was up has written at the source, and it has moved along; nobody else has.
    const there = cell.adminIn(databaseOf(moving.target, cell))
    const moved = await there.query<{ id: number }>(`select id from ${table()} order by id`)
    const written = answers.flatMap((answer, index) => (answer === 'done' ? [100 + index] : []))
    expect(moved.rows.map(({ id }) => id)).toEqual([1, ...written])
    // Now it is closed, for the same sessions and for the superuser.
    const codes = await Promise.all(
      Object.values(ways).map((sql, index) =>
        codeOf((sessions[index] ?? holding).query(sql.replace('TABLE', table()).replace('ID', String(200 + index)))),
      ),
    )
    expect(codes).toEqual(['42501', 'FH010', 'FH010', 'FH010'])
    expect(await codeOf(admin.query(`insert into ${table()} values (300, 'superuser')`))).toBe('FH010')
    expect(await codeOf(admin.query(`truncate ${table()}`))).toBe('FH010')
    const left = await admin.query(`select id from ${table()} where id >= 200`)
    expect(left.rows).toEqual([])
    for (const client of [...sessions, holding, ...(outcome.measured?.holders ?? [])]) await client.end()
  })

  it('is not left while a writer holds the fence up for longer than the budget, and no writer fails of it', async () => {
    const holding = await loginAs(moving.target, cell)
    await holding.query(`begin; insert into ${table()} values (400, 'long')`)
    const other = await loginAs(moving.target, cell)
    expect(await codeOf(moving.cut('source', { tries: 2 }))).toBe('move_over_budget')
    await other.query(`insert into ${table()} values (401, 'beside')`)
    await holding.query('commit')
    const back = await moving.cut('source')
    expect(back).toMatchObject({ serving: 'source', epoch: 3 })
    const rows = await admin.query<{ id: number }>(`select id from ${table()} where id >= 400 order by id`)
    expect(rows.rows.map(({ id }) => id)).toEqual([400, 401])
    for (const client of [holding, other, ...(back.measured?.holders ?? [])]) await client.end()
  })

  it('opens suspended when the latch was set before the other side closed', async () => {
    const there = await moving.cut('target', { suspended: async () => true })
    for (const client of there.measured?.holders ?? []) await client.end()
    const side = await cell
      .adminIn(databaseOf(moving.target, cell))
      .query('select state, epoch::int from tenancy.placement')
    expect(side.rows).toEqual([{ state: 'suspended', epoch: 4 }])
    const back = await moving.cut('source')
    expect(back).toMatchObject({ serving: 'source', epoch: 5 })
    for (const client of back.measured?.holders ?? []) await client.end()
  })

  it('is not closed by a try that comes late, after a later one has settled the cut', async () => {
    const late = moving.fence()
    await moving.cut('source')
    expect(await codeOf(moving.cut('target', { fence: late }))).toBe('operation_superseded')
    expect(moving.context).toEqual({ serving: 'source', epoch: 5 })
  })

  it('is closed at an epoch above all that anybody knows of, so that the other side can open', async () => {
    const home = cell.adminIn(databaseOf(moving.target, cell))
    await home.query(`update tenancy.placement set epoch = 40`)
    const there = await moving.cut('target', { floor: 50 })
    expect(there).toMatchObject({ serving: 'target', epoch: 51 })
    const back = await moving.cut('source')
    expect(back).toMatchObject({ serving: 'source', epoch: 52 })
    for (const one of [there, back]) for (const client of one.measured?.holders ?? []) await client.end()
  })

  it('is not left when the schema was changed after both sides were compared', async () => {
    const connect = await loginAs(moving.source, cell)
    await admin.query(`alter table ${table()} add column more text`)
    expect(await codeOf(moving.cut('target'))).toBe('move_schema_changed')
    await connect.query(`insert into ${table()} values (500, 'goes on')`)
    await connect.end()
  })
})
