import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseNames, databasePasswordSecret } from '../../../domain/names.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { script } from '../../support/awkward-schema.ts'
import { ensuredTenant, namesOf, testCell, testTenant, type TestCell, type TestTenant } from './support.ts'

/**
 * Scripts are tried out as the role that owns what the tenant has, in a schema that is beside every schema that a tenant can have.
 */
const mapper = createDatabaseMapper()
let cell: TestCell
let archive: TestArchive
beforeAll(async () => {
  ;[cell, archive] = [await testCell(), await testArchive()]
})
afterAll(async () => {
  await mapper.close()
  await Promise.all([cell.drop(), archive.drop()])
})

test('scripts that are tried out reach nothing of the tenant', async () => {
  const set = [
    script(
      '1.0.0/001-a.sql',
      `do $$ declare t record; begin
         for t in select schemaname s, tablename n from pg_tables where tableowner = current_user and tablename not like '\\_freehold%' loop
           execute format('drop table %I.%I cascade', t.s, t.n); end loop; end $$;
       create table a (b int)`,
    ),
  ]
  const tenant = await ensuredTenant(mapper, cell)
  await mapper.migrate(tenant.target('database'), set)
  const { schema } = namesOf(tenant)
  await cell.admin.query(`insert into ${schema}.a values (1), (2)`)
  await mapper.freeze(tenant.target('database'))
  const inventory = await mapper.export?.(tenant.target('database'), archive.writer(), set)
  expect(inventory).toMatchObject({
    tables: [{ name: '_freehold_keys' }, { name: '_freehold_migrations' }, { name: 'a', rows: 2 }],
  })
  const { rows } = await cell.admin.query(`select count(*)::int as n from ${schema}.a`)
  expect(rows).toEqual([{ n: 2 }])
})

test('what waits for the commit of a script, and what one leaves behind, is no matter to the next', async () => {
  const set = [
    script(
      '1.0.0/001-a.sql',
      `create table z (k int primary key); create table a (b int references z deferrable initially deferred);
       insert into a values (1); insert into z values (1); set local search_path = pg_catalog; set datestyle = 'German'`,
    ),
    script('1.0.0/002-b.sql', `alter table a add c int; insert into a values (2); insert into z values (2)`),
    script('1.0.0/003-c.sql', `alter table a add d int; create type kind as enum ('x'); alter type kind add value 'y'`),
    script('1.0.0/004-d.sql', `create table e (f kind default 'y')`),
  ]
  const tenant = await ensuredTenant(mapper, cell)
  await mapper.migrate(tenant.target('database'), set)
  await mapper.freeze(tenant.target('database'))
  const inventory = await mapper.export?.(tenant.target('database'), archive.writer(), set)
  expect(inventory).toMatchObject({ kind: 'database' })
})

/** The database of another environment than the one that a test tenant has. */
function databaseOf(tenant: TestTenant, environment: string) {
  const { spec, ...rest } = tenant.target('database')
  const properties = {
    ...spec.properties,
    ...databaseNames(tenant.code, environment, 1),
    passwordSecret: databasePasswordSecret(tenant.code, environment, 1),
  }
  return { ...rest, spec: { ...spec, environment, name: properties.schema, properties } }
}

test('an environment opens, and is exported, beside one whose name is its own and "rehearsal"', async () => {
  const tenant = testTenant(cell.cell)
  const set = [script('1.0.0/001-a.sql', 'create table a (b int)')]
  for (const environment of ['qa', 'qa-rehearsal']) {
    await mapper.ensure(databaseOf(tenant, environment))
    await mapper.migrate(databaseOf(tenant, environment), set)
  }
  await mapper.freeze(databaseOf(tenant, 'qa'))
  await mapper.thaw(databaseOf(tenant, 'qa'))
  await mapper.freeze(databaseOf(tenant, 'qa'))
  await expect(mapper.export?.(databaseOf(tenant, 'qa'), archive.writer(), set)).resolves.toMatchObject({
    kind: 'database',
  })
  expect(await mapper.observe(databaseOf(tenant, 'qa-rehearsal'))).toMatchObject({ exists: true, facts: { tables: 3 } })
})
