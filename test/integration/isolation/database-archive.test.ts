import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Migration } from '../../../base/migration-source.ts'
import type { Inventory } from '../../../domain/archive.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { awkwardRows, awkwardSet, script } from '../../support/awkward-schema.ts'
import { ensuredTenant, namesOf, testCell, testTenant, type TestCell, type TestTenant } from './support.ts'

/** A database that is exported, and imported into another cell: what comes out is what went in, or nothing. */
const mapper = createDatabaseMapper()
let archive: TestArchive
let [from, to]: TestCell[] = []

beforeAll(async () => {
  archive = await testArchive()
  ;[from, to] = [await testCell(), await testCell()]
})
afterAll(async () => {
  await mapper.close()
  await Promise.all([from?.drop(), to?.drop(), archive.drop()])
})
const cells = () => {
  if (from === undefined || to === undefined) throw new Error('no cells')
  return { from, to }
}

/** As the owner of the schema, without the limits of a login. */
async function asOwner(cell: TestCell, tenant: TestTenant, sql: string): Promise<pg.QueryResult[]> {
  const { ownerRole, schema } = namesOf(tenant)
  const client = await cell.admin.connect()
  try {
    const results: unknown = await client.query(
      `set search_path = ${schema}; set session authorization ${ownerRole}; ${sql}`,
    )
    return (Array.isArray(results) ? results : [results]) as pg.QueryResult[]
  } finally {
    client.release(true)
  }
}

async function filled(migrations: readonly Migration[], rows = ''): Promise<TestTenant> {
  const tenant = await ensuredTenant(mapper, cells().from)
  if (migrations.length > 0) await mapper.migrate(tenant.target('database'), migrations)
  if (rows !== '') await asOwner(cells().from, tenant, rows)
  await mapper.freeze(tenant.target('database'))
  return tenant
}

const exported = (tenant: TestTenant, migrations: readonly Migration[] = awkwardSet) =>
  mapper.export?.(tenant.target('database'), archive.writer(), migrations) as Promise<Inventory>

/** The same tenant at a new placement in the other cell, closed and empty. */
async function reborn(tenant: TestTenant): Promise<TestTenant> {
  const { to: other } = cells()
  const again = testTenant(other.cell, { id: tenant.id, code: tenant.code, number: 2 })
  await mapper.ensure(again.target('database', 1, { birth: 'suspended' }))
  return again
}
const imported = (tenant: TestTenant, inventory: Inventory) =>
  mapper.import?.(tenant.target('database'), archive.reader(), inventory)
const compared = (tenant: TestTenant, inventory: Inventory) => mapper.compare?.(tenant.target('database'), inventory)

let awkward: { tenant: TestTenant; inventory: Inventory; again: TestTenant }

test('everything that is awkward comes back as it was, into another cell', async () => {
  const tenant = await filled(awkwardSet, awkwardRows(5_000))
  const inventory = await exported(tenant)
  if (inventory.kind !== 'database') throw new Error('not of a database')
  expect(Object.fromEntries(inventory.tables.map(({ name, rows }) => [name, rows]))).toEqual({
    'Odd Näme "x"': 3,
    _freehold_keys: 0,
    _freehold_migrations: 3,
    a: 2,
    b: 1,
    before_codes: 1,
    child: 1,
    codes: 1,
    log: 5_007,
    mine: 1,
    no_columns: 2,
    nothing: 0,
    parent: 1,
    people: 5_006,
    readings_new_0: 60 - 23 - readingsIn('readings_new_1', inventory),
    readings_new_1: readingsIn('readings_new_1', inventory),
    readings_old: 23,
    scratch: 1,
    stays: 2,
  })
  const again = await reborn(tenant)
  await imported(again, inventory)
  await compared(again, inventory)
  // What has no say in the archive's own comparison.
  const looks = `select count(*)::int as n, md5(string_agg(p::text, '|' order by id)) as all from people p;
    select what, count(*)::int as n from log group by 1 order by 1; select * from counts; select relispopulated from pg_class where relname = 'empty_view';
    select count(*)::int as n from readings; select obj_description('people'::regclass) as said;
    select relforcerowsecurity as forced from pg_class where oid = 'mine'::regclass`
  const seen = async (cell: TestCell, who: TestTenant) =>
    (await asOwner(cell, who, looks)).slice(2).map(({ rows }) => rows)
  expect(await seen(cells().to, again)).toEqual(await seen(cells().from, tenant))
  expect((await seen(cells().to, again))[0]).toMatchObject([{ n: 5_006 }])
  awkward = { tenant, inventory, again }
})

const readingsIn = (table: string, inventory: Inventory) =>
  inventory.kind === 'database' ? (inventory.tables.find(({ name }) => name === table)?.rows ?? -1) : -1

test('what was brought back goes on as before: identities, sequences, checks, triggers', async () => {
  const { again } = awkward
  const { to: cell } = cells()
  const results = await asOwner(
    cell,
    again,
    `insert into people (name) values ('next') returning id, serial;
     select nextval('loose') as loose; select what from log order by at desc limit 1`,
  )
  expect(results.slice(2).map(({ rows }) => rows[0] as unknown)).toEqual([
    { id: '5007', serial: 5007 },
    { loose: '13' },
    { what: 'INSERT people' },
  ])
  await expect(asOwner(cell, again, 'insert into b values (9, 99)')).rejects.toMatchObject({ code: '23503' })
  await expect(asOwner(cell, again, `insert into people (name, exact) values ('x', 2000)`)).rejects.toMatchObject({
    code: '23514',
  })
  await asOwner(cell, again, `insert into nothing values (1)`)
  const [, , fired] = await asOwner(cell, again, `select what from log where what = 'INSERT nothing'`)
  expect(fired?.rows).toHaveLength(2)
})

test('import run again gives the same, whatever was there', async () => {
  const { again, inventory } = awkward
  await asOwner(cells().to, again, `delete from stays; update people set name = 'changed' where id = 1`)
  await expect(compared(again, inventory)).rejects.toMatchObject({ code: 'restore_differs' })
  await imported(again, inventory)
  await compared(again, inventory)
})

test.each([
  ['a row that was changed', `update people set ratio = 0 where id = 17`, 'people has other rows'],
  ['a row that is missing', `delete from stays where room = 1`, 'stays has 1 rows, and had 2'],
  ['a sequence that has moved on', `select nextval('loose')`, 'sequences'],
  ['a constraint that is missing', `alter table people drop constraint late`, 'late'],
  ['a table that is one too many', `create table extra ()`, 'extra'],
  ['a trigger that does not fire', `alter table people disable trigger note`, 'note'],
  ['a policy that is not forced', `alter table mine no force row level security`, 'mine'],
  ['a view that is not filled', `refresh materialized view counts with no data`, 'views'],
])('a restored database with %s is told from what was archived', async (_, sql, named) => {
  const { again, inventory } = awkward
  await imported(again, inventory)
  await compared(again, inventory)
  await asOwner(cells().to, again, sql)
  await expect(compared(again, inventory)).rejects.toMatchObject({
    code: 'restore_differs',
    message: expect.stringContaining(named) as string,
  })
  await asOwner(
    cells().to,
    again,
    'drop table if exists extra; alter table people enable trigger note; alter table mine force row level security',
  )
  if (sql.includes('drop constraint'))
    await asOwner(cells().to, again, 'alter table people add constraint late check (exact < 1000) not valid')
})

test.each([
  ['a table', `create table by_hand (id int)`, 'by_hand'],
  ['a column', `alter table a add by_hand int`, 'by_hand'],
  ['a function', `create function by_hand() returns int language sql return 1`, 'by_hand'],
  ['an index', `create index by_hand on a (b)`, 'by_hand'],
  ['a changed function', `create or replace function plain(int) returns int language sql return 2`, 'plain'],
  ['a table that is gone', `drop table a`, 'relation a'],
])('%s that no script makes is refused by name, before anything is written', async (_, sql, named) => {
  const set = [
    script('1.0.0/001-a.sql', `create table a (b int); create function plain(int) returns int language sql return $1`),
  ]
  const tenant = await filled(set, sql)
  const parts = await archive.storage.list('abcd1234/')
  await expect(exported(tenant, set)).rejects.toMatchObject({
    code: 'archive_unsupported',
    message: expect.stringContaining(named) as string,
  })
  expect(await archive.storage.list('abcd1234/')).toEqual(parts)
})

test('a script that is gone from the set, or changed, is refused', async () => {
  const set = [script('1.0.0/001-a.sql', 'create table a (b int)')]
  const tenant = await filled(set)
  await expect(exported(tenant, [script('1.0.0/002-b.sql', 'select 1')])).rejects.toMatchObject({
    code: 'archive_unsupported',
  })
  await expect(exported(tenant, [script('1.0.0/001-a.sql', 'create table a (c int)')])).rejects.toMatchObject({
    code: 'migration_changed',
  })
})

test('a schema from before it had a table of keys gets it, and an archive from then comes back all the same', async () => {
  const set = [script('1.0.0/001-a.sql', 'create table a (b int)')]
  const tenant = await filled(set, 'insert into a values (1); drop table _freehold_keys')
  const inventory = await exported(tenant, set)
  if (inventory.kind !== 'database') throw new Error('not of a database')
  const isOld = (text: string) => !text.includes('_freehold_keys')
  const old = {
    ...inventory,
    structure: inventory.structure.filter(isOld),
    tables: inventory.tables.filter(({ name }) => isOld(name)),
  }
  expect(old.structure.length).toBeLessThan(inventory.structure.length)
  const again = await reborn(tenant)
  await imported(again, old)
  await compared(again, old)
  await compared(again, inventory)
  await asOwner(cells().to, again, `insert into _freehold_keys (key) values ('x')`)
  await expect(compared(again, inventory)).rejects.toMatchObject({ code: 'restore_differs' })
})

test('a database without a migration set is exported and comes back', async () => {
  const tenant = await filled([])
  const inventory = await exported(tenant, [])
  const again = await reborn(tenant)
  await imported(again, inventory)
  await compared(again, inventory)
  expect(inventory).toMatchObject({ migrations: null, tables: [] })
})

test('a database of its own is exported, removed, and comes back at another placement', async () => {
  const { from: cell } = cells()
  const made = { profile: 'st-dedicated' }
  const tenant = testTenant(cell.cell, made)
  await mapper.ensure(tenant.target('database'))
  const set = [script('1.0.0/001-a.sql', 'create table a (b int); insert into a values (1), (2)')]
  await mapper.migrate(tenant.target('database'), set)
  await mapper.freeze(tenant.target('database'))
  const inventory = await exported(tenant, set)
  expect(inventory).toMatchObject({
    tables: [{ name: '_freehold_keys' }, { name: '_freehold_migrations' }, { name: 'a', rows: 2 }],
  })
  await mapper.remove(tenant.target('database'))
  const again = testTenant(cell.cell, { ...made, id: tenant.id, code: tenant.code, number: 2 })
  await mapper.ensure(again.target('database', 1, { birth: 'suspended' }))
  await imported(again, inventory)
  await compared(again, inventory)
  await mapper.remove(again.target('database'))
})

test('an export leaves nothing behind: no other schema, no login', async () => {
  const set = [script('1.0.0/001-a.sql', 'create table a (b int)')]
  const tenant = await filled(set)
  await exported(tenant, set)
  await exported(tenant, set)
  const { rows } = await cells().from.admin.query(
    `select nspname from pg_namespace where nspname like $1 union all select rolname from pg_roles where rolname like $1 and rolcanlogin`,
    [`%t_${tenant.code}%`],
  )
  expect(rows).toEqual([{ nspname: namesOf(tenant).schema }])
})

test('a database that is closed stays closed, whatever is exported and imported', async () => {
  const { again, tenant } = awkward
  for (const one of [tenant, again])
    expect(await mapper.observe(one.target('database'))).toMatchObject({
      exists: true,
      frozen: true,
      owner: tenant.id,
      facts: { state: 'suspended' },
    })
})

test('a damaged archive is refused, and what is there stays as it is', async () => {
  const { again, inventory } = awkward
  await imported(again, inventory)
  if (inventory.kind !== 'database') throw new Error('not of a database')
  const last = inventory.tables.findLast(({ rows }) => rows > 0)
  const file = join(archive.root, 'abcd1234/prod/1', last?.part.path ?? '')
  const bytes = await readFile(file)
  await writeFile(file, bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1))
  await expect(imported(again, inventory)).rejects.toMatchObject({
    code: 'archive_damaged',
    message: expect.stringContaining(last?.part.path ?? '') as string,
  })
  await compared(again, inventory)
  await writeFile(file, bytes)
})
