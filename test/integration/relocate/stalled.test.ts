import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanMove } from '../../../isolation/move/clean.ts'
import { openCutSessions } from '../../../isolation/move/cut-sessions.ts'
import { close, fence, open, type Cut } from '../../../isolation/move/cut.ts'
import { resolve, type EndName } from '../../../isolation/move/cutover.ts'
import { stampStatement } from '../../../isolation/move/stamp.ts'
import { withdraw } from '../../../isolation/move/withdraw.ts'
import { script } from '../../support/awkward-schema.ts'
import { codeOf, databaseOf, loginAs, testCell, type TestCell } from '../isolation/support.ts'
import { movable, type Movable } from './support.ts'

const schema = [script('1.0.0/001.sql', 'create table entries (id int primary key, note text)')]

/** Two tries of one cut, of which the first comes late with each of its steps; and sides that must not be closed yet. */
describe('a cut', () => {
  let cell: TestCell
  let moving: Movable
  let source: pg.Pool
  let target: pg.Pool
  const table = () => `${moving.move.source.names.schema}.entries`
  beforeAll(async () => {
    cell = await testCell()
    moving = await movable(cell, schema)
    source = cell.adminIn(databaseOf(moving.source, cell))
    target = cell.adminIn(databaseOf(moving.target, cell))
    await moving.fill()
  })
  afterAll(async () => {
    await cleanMove(moving.move, moving.signal)
    await moving.mapper.close()
    await cell.drop()
  })

  const sideOf = async (name: EndName) => {
    const { rows } = await (name === 'source' ? source : target).query<{ state: string; epoch: number }>(
      'select state, epoch::int from tenancy.placement where tenant = $1 and number = $2',
      [moving.move.tenantId, moving.move[name].number],
    )
    return rows[0]
  }

  /** A try that has settled what was before it, and is about to raise its fence. */
  async function attempt() {
    const { move, signal } = moving
    const ends = { from: move.source, to: move.target }
    const sessions = await openCutSessions(move, ends, signal)
    const options = {
      fence: moving.fence(),
      budgetMs: 2_000,
      triggers: { quiet: [], wake: [] },
      suspended: async () => false,
      publish: async () => {},
      signal,
    }
    await resolve(move, { from: 'source', sessions }, options)
    const { rows } = await sessions.catalogue.query<{ stamp: string }>(stampStatement(move.source.names.schema))
    const cut: Cut = { ...options, move, ...ends, floor: 0, stamp: rows[0]?.stamp ?? '' }
    return { cut, sessions, raise: () => fence(cut, sessions, `${options.fence}/1`, signal) }
  }

  async function cut(wanted: EndName): Promise<void> {
    const { serving, measured } = await moving.cut(wanted)
    for (const holder of measured?.holders ?? []) await holder.end()
    expect(serving).toBe(wanted)
  }

  it('that was overtaken before its fence closes nothing', async () => {
    const late = await attempt()
    const next = await attempt()
    expect(await codeOf(late.raise())).toBe('operation_superseded')
    expect(await sideOf('source')).toEqual({ state: 'active', epoch: 1 })
    for (const { sessions } of [late, next]) sessions.end()
  })

  it('that has its fence up lets nobody write, and everybody once it has given up', async () => {
    const given = await attempt()
    await given.raise()
    const writer = await loginAs(moving.source, cell)
    const write = `insert into ${table()} values (0, 'beside')`
    await writer.query(`set statement_timeout = '200ms'`)
    expect(await codeOf(writer.query(write))).toBe('57014')
    await given.sessions.fence.query('rollback')
    expect(await codeOf(writer.query(write))).toBe('done')
    await writer.end()
    given.sessions.end()
  })

  it('that stalls inside of its fence is let go by the server, and closes nothing', async () => {
    const late = await attempt()
    const fenced = await late.raise()
    const writer = await loginAs(moving.source, cell)
    await writer.query(`set statement_timeout = '10s'`)
    expect(await codeOf(writer.query(`insert into ${table()} values (1, 'waited')`))).toBe('done')
    await writer.end()
    await expect(close(late.cut, late.sessions, fenced)).rejects.toBeInstanceOf(Error)
    expect(await sideOf('source')).toEqual({ state: 'active', epoch: 1 })
    late.sessions.end()
  })

  it('that closed one side and stalled is ended by the next, and opens nothing when it wakes up', async () => {
    const late = await attempt()
    const fenced = await late.raise()
    await close(late.cut, late.sessions, fenced)
    expect([await sideOf('source'), await sideOf('target')]).toMatchObject([
      { state: 'moved', epoch: 2 },
      { state: 'standby' },
    ])
    await cut('target')
    const wakes = () => open(late.cut, late.sessions, { ...fenced, epoch: 2 }, 'active')
    expect(await wakes()).toBe('active')
    await cut('source')
    expect(await codeOf(wakes())).toBe('operation_superseded')
    expect([await sideOf('source'), await sideOf('target')]).toEqual([
      { state: 'active', epoch: 3 },
      { state: 'moved', epoch: 3 },
    ])
    late.sessions.end()
  })

  it('waits while the other side is behind, and gives up without harm', async () => {
    const given = await attempt()
    const slow = await target.connect()
    await slow.query(`begin; lock table ${table()} in exclusive mode`)
    try {
      await source.query(`insert into ${table()} values (2, 'behind')`)
      await expect(given.raise()).rejects.toThrow('the other side was not there within 2000 ms')
      await source.query(`insert into ${table()} values (4, 'goes on')`)
    } finally {
      await slow.query('rollback')
      slow.release()
      given.sessions.end()
    }
  })

  it('closes nothing while a grant of somebody else lets the tenant in', async () => {
    const { schema: name } = moving.move.source.names
    await source.query(`grant usage on schema ${name} to public`)
    expect(await codeOf(moving.cut('target'))).toBe('move_rights_missing')
    expect(await sideOf('source')).toEqual({ state: 'active', epoch: 3 })
    await source.query(`revoke usage on schema ${name} from public`)
  })

  it('closes nothing when the schema changes between two of its tries', async () => {
    const { schema: name, ownerRole } = moving.move.source.names
    const holding = await loginAs(moving.source, cell)
    await holding.query(`begin; insert into ${table()} values (3, 'long')`)
    const cutting = codeOf(moving.cut('target'))
    await sleep(700)
    await source.query(
      `create table ${name}.extra (id int primary key); alter table ${name}.extra owner to ${ownerRole}`,
    )
    await holding.query('commit')
    expect(await cutting).toBe('move_schema_changed')
    await source.query(`drop table ${name}.extra`)
    await holding.end()
  })

  it('is final: to close the side that was left leaves it as the cut did', async () => {
    await cut('target')
    await moving.mapper.freeze(moving.source.target('database', 4))
    expect(await sideOf('source')).toEqual({ state: 'moved', epoch: 4 })
    await cut('source')
  })

  it('can never open a side again that was given up', async () => {
    const late = await attempt()
    await withdraw(moving.move, 'target', moving.fence(), moving.signal)
    expect(await sideOf('target')).toMatchObject({ state: 'retired' })
    expect(await codeOf(late.raise())).not.toBe('done')
    late.sessions.end()
  })
})
