import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { openMigrationSource, type Migration } from '../../../base/migration-source.ts'
import {
  codeOf,
  namesOf,
  queryAs,
  ensuredTenant,
  testCell,
  testTenant,
  type TestCell,
  type TestTenant,
} from './support.ts'

const examples = openMigrationSource(join(import.meta.dirname, '../../../examples/schemas'))
const mapper = createDatabaseMapper()
let cell: TestCell

beforeAll(async () => {
  cell = await testCell()
})
afterAll(async () => {
  await mapper.close()
  await cell.drop()
})

const ensured = () => ensuredTenant(mapper, cell)

const migration = (file: string, sql: string): Migration => ({
  version: file.slice(0, file.indexOf('/')),
  file,
  sql,
  checksum: createHash('sha256').update(sql).digest('hex'),
})

const migrate = (tenant: TestTenant, ...migrations: Migration[]) =>
  mapper.migrate(tenant.target('database'), migrations)

const tables = async (tenant: TestTenant) => {
  const { rows } = await cell.admin.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r' order by 1`,
    [namesOf(tenant).schema],
  )
  return rows.map((row) => row.name)
}

test('the example reaches each version in turn, and the tenant works with it', async () => {
  const tenant = await ensured()
  const target = tenant.target('database')
  const first = await examples.migrationsUpTo('1.0.0')
  expect(await mapper.migrate(target, first)).toEqual({
    applied: ['1.0.0/001-customers.sql', '1.0.0/002-orders.sql', '1.0.0/900-seed.sql'],
    version: '1.0.0',
  })
  const all = await examples.migrationsUpTo('1.4.0')
  expect(await mapper.migrate(target, all)).toEqual({
    applied: ['1.1.0/001-order-totals.sql', '1.4.0/001-shipping.sql'],
    version: '1.4.0',
  })
  expect(await mapper.migrate(target, all)).toEqual({ applied: [], version: '1.4.0' })

  expect(await queryAs(tenant, cell, 'select total from order_totals')).toEqual([{ total: '48.50' }])
  await queryAs(
    tenant,
    cell,
    `insert into customers (email, name) values ('new@customer.example', 'New'); select ship_order(1)`,
  )
  expect(
    await queryAs(
      tenant,
      cell,
      `select c.name, o.state from customers c left join orders o on o.customer_id = c.id order by 1`,
    ),
  ).toEqual([
    { name: 'Ada', state: 'shipped' },
    { name: 'Grace', state: null },
    { name: 'New', state: null },
  ])
  expect(
    await queryAs(
      tenant,
      cell,
      'select distinct tableowner as owner from pg_tables where schemaname = current_schema()',
    ),
  ).toEqual([{ owner: namesOf(tenant).ownerRole }])
})

test('nobody but the tenant may use what migrations make, and the tenant may not change its record', async () => {
  const [tenant, other] = [await ensured(), await ensured()]
  await migrate(
    tenant,
    migration(
      '1.0.0/001-a.sql',
      `create function f() returns int language sql return 1; create table a (id int generated always as identity)`,
    ),
  )
  const { schema } = namesOf(tenant)
  expect(await codeOf(queryAs(other, cell, `select ${schema}.f()`))).toBe('42501')
  const { rows } = await cell.admin.query(
    `select has_function_privilege('public', '${schema}.f()', 'execute') as allowed`,
  )
  expect(rows).toEqual([{ allowed: false }])
  expect(await queryAs(tenant, cell, 'select file from _freehold_migrations')).toHaveLength(1)
  for (const statement of [
    'delete from _freehold_migrations',
    `update _freehold_migrations set checksum = ''`,
    'truncate _freehold_migrations',
  ])
    expect(await codeOf(queryAs(tenant, cell, statement))).toBe('42501')
})

test('of runs at the same time the latest claim goes through, and each file runs once', async () => {
  const tenant = await ensured()
  const files = [1, 2, 3].map((n) =>
    migration(`1.0.0/00${n}-t.sql`, `create table t${n} (id int); insert into t${n} select from pg_sleep(0.1)`),
  )
  const targets = [1, 2, 3, 4].map(() => tenant.target('database'))
  const runs = await Promise.all(
    targets.map((target) =>
      mapper.migrate(target, files).then(
        () => 'done',
        (error: Error & { code: string }) => error.code,
      ),
    ),
  )
  expect(runs.at(-1)).toBe('done')
  for (const run of runs) expect(run).toMatch(/^(done|operation_superseded|substrate_unavailable)$/)
  for (const n of [1, 2, 3])
    expect(await queryAs(tenant, cell, `select count(*)::int as rows from t${n}`)).toEqual([{ rows: 1 }])
})

test('a file that fails half-way is rolled back whole, and told with line and PostgreSQL’s words', async () => {
  const tenant = await ensured()
  const good = migration('1.0.0/001-good.sql', 'create table good (id int)')
  const bad = migration(
    '1.0.0/002-bad.sql',
    `-- Überschrift 🐘\ncreate table half (id int);\ninsert into half values (1);\n\nselect nothing\n  from nowhere;`,
  )
  await expect(migrate(tenant, good, bad)).rejects.toMatchObject({
    code: 'migration_failed',
    message:
      '1.0.0/002-bad.sql, line 6: relation "nowhere" does not exist (SQLSTATE 42P01); nothing of this file was kept',
    details: [{ path: '1.0.0/002-bad.sql', line: 6 }],
  })
  expect(await tables(tenant)).toEqual(['_freehold_keys', '_freehold_migrations', 'good'])

  const withoutPosition = migration('1.0.0/002-bad.sql', 'select 1 / 0')
  await expect(migrate(tenant, good, withoutPosition)).rejects.toMatchObject({
    code: 'migration_failed',
    message: '1.0.0/002-bad.sql: a value of the data is not valid (SQLSTATE 22012); nothing of this file was kept',
  })
  const mended = migration('1.0.0/002-bad.sql', 'create table mended (id int)')
  expect(await migrate(tenant, good, mended)).toEqual({ applied: ['1.0.0/002-bad.sql'], version: '1.0.0' })
})

test.each([
  ['a value', `insert into people values ('Alice'), ('Bob'); select name::int from people`, '22P02'],
  ['a row', `insert into people values ('Alice'), ('Alice')`, '23505'],
  ['code', `do $$ begin raise 'nobody but Alice'; end $$`, 'P0001'],
])('what an error quotes of the rows of a tenant is not told: %s', async (_, sql, code) => {
  const tenant = await ensured()
  const people = migration('1.0.0/001-people.sql', 'create table people (name text unique)')
  const error = await migrate(tenant, people, migration('1.0.0/002-bad.sql', sql)).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'migration_failed', message: expect.stringContaining(`(SQLSTATE ${code})`) })
  expect(JSON.stringify([(error as Error).message, error])).not.toContain('Alice')
})

test('a file that copies from standard input is told so at once', async () => {
  const run = migrate(await ensured(), migration('1.0.0/001-x.sql', 'create table x (id int); copy x from stdin;'))
  await expect(run).rejects.toMatchObject({
    code: 'migration_failed',
    message: expect.stringContaining('standard input'),
  })
})

test('a file that opens the schema to others is refused whole', async () => {
  const [tenant, other] = [await ensured(), await ensured()]
  for (const grantee of ['public', namesOf(other).appRole]) {
    const run = migrate(
      tenant,
      migration(
        '1.0.0/001-open.sql',
        `create table open (id int); grant select on open to ${grantee}; grant usage on schema ${namesOf(tenant).schema} to ${grantee}`,
      ),
    )
    await expect(run).rejects.toMatchObject({
      code: 'migration_failed',
      message: expect.stringContaining('grants rights'),
    })
  }
  expect(await tables(tenant)).toEqual(['_freehold_keys', '_freehold_migrations'])
})

test('an applied file that has changed is refused before anything runs', async () => {
  const tenant = await ensured()
  await migrate(tenant, migration('1.0.0/001-a.sql', 'create table a (id int)'))
  await expect(
    migrate(
      tenant,
      migration('0.9.0/001-early.sql', 'create table early (id int)'),
      migration('1.0.0/001-a.sql', 'create table a (id bigint)'),
    ),
  ).rejects.toMatchObject({ code: 'migration_changed', message: expect.stringContaining('1.0.0/001-a.sql') })
  expect(await tables(tenant)).toEqual(['_freehold_keys', '_freehold_migrations', 'a'])
})

test.each([
  ['commit', 'create table x (id int); commit', 'COMMIT'],
  ['commit and begin again', 'create table x (id int); commit; begin', 'COMMIT'],
  ['rollback', 'create table x (id int); rollback', 'COMMIT'],
  ['an error after a commit', 'commit; select * from nowhere', 'COMMIT'],
  ['an error after a rollback', 'rollback; select * from nowhere', 'COMMIT'],
])('a file must leave its transaction alone: %s', async (_, sql, said) => {
  const tenant = await ensured()
  await expect(migrate(tenant, migration('1.0.0/001-x.sql', sql))).rejects.toMatchObject({
    code: 'migration_failed',
    message: expect.stringMatching(new RegExp(`^1\\.0\\.0/001-x\\.sql: .*${said}`)),
  })
  expect(await queryAs(tenant, cell, 'select file from _freehold_migrations')).toEqual([])
})

test.each(['commit', 'rollback'])('what follows a %s in a file runs as the owner too', async (ending) => {
  const tenant = await ensured()
  const sneaky = migration('1.0.0/001-x.sql', `${ending}; create schema stolen_${ending}`)
  await expect(migrate(tenant, sneaky)).rejects.toMatchObject({ code: 'migration_failed' })
  const { rows } = await cell.admin.query(`select from pg_namespace where nspname = 'stolen_${ending}'`)
  expect(rows).toEqual([])
})

test('a file that leaves settings behind does not disturb the next', async () => {
  const tenant = await ensured()
  await migrate(
    tenant,
    migration('1.0.0/001-a.sql', `create table a (id int); set search_path = public`),
    migration('1.0.0/002-b.sql', `create table b (id int)`),
  )
  expect(await tables(tenant)).toEqual(['_freehold_keys', '_freehold_migrations', 'a', 'b'])
})

test('what a file leaves in its session is gone for whoever works next', async () => {
  const single = createDatabaseMapper({ connections: 1 })
  const [tenant, other] = [await ensured(), await ensured()]
  await single.migrate(tenant.target('database'), [
    migration(
      '1.0.0/001-a.sql',
      `set default_transaction_read_only = on; alter role current_user set default_transaction_read_only = on`,
    ),
  ])
  expect(await single.migrate(other.target('database'), await examples.migrationsUpTo('1.0.0'))).toMatchObject({
    version: '1.0.0',
  })
  expect(await single.migrate(tenant.target('database'), await examples.migrationsUpTo('1.0.0'))).toMatchObject({
    version: '1.0.0',
  })
  await single.close()
})

test('a file that takes too long fails by name', async () => {
  const tenant = await ensured()
  const slow = migration('1.0.0/001-slow.sql', 'select pg_sleep(60)')
  for (const sql of [slow.sql, `set statement_timeout = 0; ${slow.sql}`]) {
    const run = mapper.migrate(tenant.target('database', 1, { timeoutMs: 300 }), [{ ...slow, sql }])
    await expect(run).rejects.toMatchObject({ code: 'migration_failed', message: expect.stringContaining(slow.file) })
  }
})

test('a lost connection may be tried again; what is not there cannot be migrated', async () => {
  const tenant = await ensured()
  const kill = migration('1.0.0/001-x.sql', 'select pg_sleep(60)')
  const running = codeOf(migrate(tenant, kill))
  const stop = async (): Promise<void> => {
    const { rowCount } = await cell.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and query like '%pg_sleep(60)%'`,
      [namesOf(tenant).ownerRole],
    )
    if (rowCount === 0) await stop()
  }
  await stop()
  expect(await running).toBe('substrate_unavailable')
  expect(await codeOf(migrate(testTenant(cell.cell), kill))).toBe('not_found')
  expect(
    await codeOf(migrate(testTenant({ ...cell.cell, provisionerUrl: 'postgres://a:b@127.0.0.1:1/c' }), kill)),
  ).toBe('substrate_unavailable')
})
