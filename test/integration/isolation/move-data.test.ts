import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { asideOf, buildAside, putAside, type Aside } from '../../../isolation/move/aside.ts'
import { copyTables, type CopyOptions } from '../../../isolation/move/copy.ts'
import { connectMover, withMover, type MoveEnd, type MoverClient } from '../../../isolation/move/end.ts'
import { compareFingerprints, readFingerprint } from '../../../isolation/move/fingerprint.ts'
import { compareHashes, hashTables } from '../../../isolation/move/hash.ts'
import { inspectSchema, type Inspection } from '../../../isolation/move/inspect.ts'
import { compareSequences, readSequenceValues, setSequenceStatements } from '../../../isolation/move/sequences.ts'
import { createTokenBucket } from '../../../isolation/move/token-bucket.ts'
import { movableRows, movableSchema } from '../../support/movable-schema.ts'
import { testMove, type TestMove } from '../../support/mover.ts'

/** The data path of a move, step by step as the mover: look, put aside, copy, build, compare. */
const { signal } = new AbortController()
const many = 1_000
let move: TestMove
let source: MoverClient
let target: MoverClient
let inspection: Inspection
let aside: Aside

beforeAll(async () => {
  move = await testMove()
  await move.source.asOwner(movableSchema, movableRows(many))
  await move.target.asOwner(movableSchema)
  source = await connectMover(move.source.end, { signal })
  target = await connectMover(move.target.end, { signal })
  inspection = await inspectSchema(source, move.schema)
  aside = await asideOf(source, move.schema)
})
afterAll(async () => {
  await Promise.all([source?.end(), target?.end()])
  await move?.drop()
})

const sessionOf = (end: MoveEnd) => () => connectMover(end, { signal })

/** Copies all tables from a snapshot that is held meanwhile. */
async function copy(options: Partial<CopyOptions> = {}) {
  const holder = await connectMover(move.source.end, { signal })
  try {
    await holder.query('begin isolation level repeatable read read only')
    const { rows } = await holder.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot')
    return await copyTables({
      tables: inspection.tables,
      schema: move.schema,
      snapshot: rows[0]?.snapshot ?? '',
      source: sessionOf(move.source.end),
      target: sessionOf(move.target.end),
      bucket: createTokenBucket(undefined),
      signal,
      ...options,
    })
  } finally {
    await holder.end()
  }
}

async function hashes(client: Client) {
  await client.query('begin isolation level repeatable read read only')
  try {
    return await hashTables(client, move.schema, inspection.tables, signal)
  } finally {
    await client.query('rollback')
  }
}

async function differencesOf() {
  const [here, there] = [await hashes(source), await hashes(target)]
  return compareHashes(here, there)
}

async function build(list = aside.build) {
  const titles: string[] = []
  await withMover(move.target.end, { signal }, (client) =>
    buildAside(client, list, {
      signal,
      maintenanceWorkMem: '32MB',
      onProgress: ({ title }) => titles.push(title),
    }),
  )
  return titles
}

/** In a session of its own, that nothing has set before. */
const structureOf = (side: 'source' | 'target') =>
  withMover(move[side].end, { signal }, (client) => readFingerprint(client, move.schema))

async function constraints() {
  const names = `select conname::text as name from pg_constraint where connamespace = '${move.schema}'::regnamespace
    union all select relname::text from pg_class where relnamespace = '${move.schema}'::regnamespace and relkind in ('i', 'I') order by 1`
  const { rows } = await move.target.admin.query<{ name: string }>(names)
  return rows.map(({ name }) => name)
}

test('a schema in which all is handled has no blocker; its leaves are what is moved', () => {
  expect(inspection.blockers).toEqual([])
  const names = inspection.tables.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['readings_old', 'readings_new_0', 'child', 'parent', 'no_columns']))
  expect(names).not.toContain('readings')
  expect(names).not.toContain('readings_new')
  expect(inspection.sequences).toEqual(expect.arrayContaining(['loose', 'people_serial_seq', 'people_id_seq']))
  const people = inspection.tables.find(({ name }) => name === 'people')
  expect(people?.columns).toContain('feeling')
  expect(people?.columns).not.toContain('loud')
  expect(people?.format).toBe('text')
  expect(inspection.tables.find(({ name }) => name === 'visits')?.format).toBe('binary')
})

test('put aside, copied and built again, the two sides are the same', async () => {
  const before = await constraints()
  await putAside(target, aside)
  await putAside(target, aside)
  const without = await constraints()
  expect(without).toContain('by_index_key')
  expect(without).toContain('bookings_pkey')
  expect(without).toContain('one_tag')
  for (const name of ['people_by_name', 'one_value', 'stays_during_excl', 'people_boss_fkey', 'people_code_check'])
    expect([before.includes(name), without.includes(name)]).toEqual([true, false])

  const progress: string[] = []
  const copied = await copy({ onProgress: ({ table }) => progress.push(table) })
  expect(new Set(progress)).toEqual(new Set(inspection.tables.map(({ name }) => name)))
  expect(copied.find(({ table }) => table === 'people')?.rows).toBe(many + 3)
  expect(copied.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(100_000)
  expect(await differencesOf()).toEqual([])

  // As after a crash in the middle: what is there is passed over.
  await build(aside.build.slice(0, 4))
  expect(await build()).toHaveLength(aside.build.length)
  await build(aside.refresh)
  expect(await constraints()).toEqual(before)
  const [here, there] = [await structureOf('source'), await structureOf('target')]
  expect(compareFingerprints(here, there)).toEqual([])
  expect(there.hash).toBe(here.hash)
  const marks = `select obj_description('${move.schema}.people_by_name'::regclass, 'pg_class') as comment, indisclustered as clustered
    from pg_index where indexrelid = '${move.schema}.people_serial_key'::regclass`
  expect((await target.query(marks)).rows).toEqual([{ comment: 'by name', clustered: true }])
  const { rows } = await target.query(`select people::int from ${move.schema}.counts`)
  expect(rows).toEqual([{ people: many + 3 }])

  // A copy that begins anew takes away what was built, and gives the same.
  await putAside(target, aside)
  await copy({ streams: 3 })
  await build()
  expect(await differencesOf()).toEqual([])
  expect((await structureOf('target')).hash).toBe(here.hash)
})

test.each(['source', 'target'] as const)('a copy whose %s is lost ends on both sides, and says so', async (side) => {
  await putAside(target, aside)
  const ended = copy({
    bucket: createTokenBucket(2_000_000),
    onProgress: ({ table, rows }) => {
      if (table !== 'people' || rows > 0) return
      const copying = `query like 'copy%"people"%' and datname = '${move[side].database}'`
      void move.cluster.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${copying}`)
    },
  })
  await expect(ended).rejects.toMatchObject({
    name: 'CopyError',
    side,
    message: expect.stringMatching(/terminat|ECONNRESET|EPIPE/),
  })
  await nobodyCopies()
})

test('a copy that the target refuses tells its code, and whoever stops one gets the reason', async () => {
  await putAside(target, aside)
  await move.target.admin.query(`alter table ${move.schema}.visits add constraint no_space check (id < 10) not valid`)
  await expect(copy()).rejects.toMatchObject({ table: 'visits', side: 'target', code: '23514' })
  await move.target.admin.query(`alter table ${move.schema}.visits drop constraint no_space`)
  const reason = new Error('stopped')
  const own = new AbortController()
  const stopped = copy({ signal: own.signal, bucket: createTokenBucket(50_000), onProgress: () => own.abort(reason) })
  await expect(stopped).rejects.toBe(reason)
  await nobodyCopies()
  await expect(copy({ snapshot: '00000000-00000000-1' })).rejects.toMatchObject({ side: 'source', code: '42704' })
  await copy()
  expect(await differencesOf()).toEqual([])
})

/** What was under way at either server is over soon after a copy has failed. */
async function nobodyCopies(): Promise<void> {
  const copying = `select query from pg_stat_activity where query like 'copy %' and state <> 'idle' and datname like any ($1)`
  const databases = [move.source.database, move.target.database]
  await vi.waitFor(async () => expect((await move.cluster.query(copying, [databases])).rows).toEqual([]), 5_000)
}

test('triggers that fire for replicated rows sleep, and wake as they were', async () => {
  const enabled = async () => {
    const { rows } = await target.query<{ name: string; enabled: string }>(
      `select tgname::text as name, tgenabled::text as enabled from pg_trigger where tgrelid = '${move.schema}.notes'::regclass order by 1`,
    )
    return Object.fromEntries(rows.map((row) => [row.name, row.enabled]))
  }
  await putAside(target, aside)
  expect(await enabled()).toEqual({ always: 'D', replica: 'D', sleeping: 'D' })
  for (const statement of aside.wake) await target.query(statement)
  expect(await enabled()).toEqual({ always: 'A', replica: 'R', sleeping: 'D' })
  for (const statement of aside.quiet) await target.query(statement)
})

test.each([
  ['a row', 'visits', 'delete from visits where id = 3', '20 rows on the source and 19'],
  ['a value', 'whole', `update whole set b = 'y' where a = 1`, 'not the same ones'],
  ['an enum', 'people', `update people set feeling = 'sad' where id = 2`, 'not the same ones'],
  ['an enum in a composite', 'people', `update people set home.feeling = 'glad' where id = 2`, 'not the same ones'],
  ['the scale of a number', 'people', `update people set exact = 1.00 where id = 7`, 'not the same ones'],
  ['a day in place of 24 hours', 'people', `update people set spent = '1 day' where id = 24`, 'not the same ones'],
  [
    'letters that its collation takes for the same',
    'people',
    `update people set wide = 'wide' where wide is not null`,
    'not the same ones',
  ],
  [
    'letters that its type takes for the same',
    'people',
    `update people set nick = 'nick' where nick is not null`,
    'not the same ones',
  ],
  [
    'a partition',
    'readings_new_0',
    `update readings set value = 1 where sensor in (0, 1, 2, 3, 4)`,
    'not the same ones',
  ],
])('the hash tells another: %s', async (_, table, change, message) => {
  await target.query(`begin; set local search_path = ${move.schema}; set local session_replication_role = replica`)
  await target.query(change)
  const here = await hashes(source)
  const there = await hashTables(target, move.schema, inspection.tables, signal)
  await target.query('rollback')
  const found = compareHashes(here, there)
  expect(found).toContainEqual({ object: table, message: expect.stringContaining(message) })
  const others = found.filter(({ object }) => object !== table && !object.startsWith('readings_'))
  expect(others).toEqual([])
})

test('a plain hash of whole rows would differ on the same enum', async () => {
  const plain = (client: Client) =>
    client.query(`select sum(hash_record_extended(row(feeling), 0)::numeric) from ${move.schema}.people`)
  const [here, there] = [await plain(source), await plain(target)]
  expect(here.rows).not.toEqual(there.rows)
})

test('sequences go on behind those of the source; one that does not is named', async () => {
  const values = await readSequenceValues(source, move.schema)
  expect(values.find(({ name }) => name === 'loose')).toMatchObject({ last: '10', isCalled: true, increment: '3' })
  for (const statement of setSequenceStatements(move.schema, values, 0)) await target.query(statement)
  expect(await readSequenceValues(target, move.schema)).toEqual(values)
  await source.query(`select nextval('${move.schema}.loose'), nextval('${move.schema}.downwards')`)
  const found = compareSequences(
    await readSequenceValues(source, move.schema),
    await readSequenceValues(target, move.schema),
  )
  expect(found.map(({ message }) => message)).toEqual([
    'sequence downwards gives -7 next on the source and -5 on the target',
    'sequence loose gives 16 next on the source and 13 on the target',
  ])
  for (const statement of setSequenceStatements(move.schema, values, 10)) await target.query(statement)
  expect(
    compareSequences(await readSequenceValues(source, move.schema), await readSequenceValues(target, move.schema)),
  ).toEqual([])
})

test('the fingerprint names what is on one side only, but not the triggers that refuse', async () => {
  const before = await structureOf('target')
  await move.target.asOwner(
    `create function _moved() returns trigger language plpgsql as $$ begin raise sqlstate 'TM001'; end $$;
     create trigger _moved before insert or update or delete or truncate on things execute function _moved()`,
  )
  expect(await structureOf('target')).toEqual(before)
  await move.target.asOwner('alter table things add column more int')
  const found = compareFingerprints(before, await structureOf('target'))
  expect(found).toEqual([expect.objectContaining({ message: 'only on the target: column things.more: integer' })])
  await move.target.asOwner('alter table things drop column more')
})
