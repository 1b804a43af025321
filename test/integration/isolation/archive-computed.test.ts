import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Migration } from '../../../base/migration-source.ts'
import type { Inventory } from '../../../domain/archive.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { script } from '../../support/awkward-schema.ts'
import { ensuredTenant, namesOf, testCell, testTenant, type TestCell } from './support.ts'

/** Values that depend on more than their own row. */
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

/** What a tenant made by these scripts and filled by these statements is once it was archived and brought back. */
async function broughtBack(set: readonly Migration[], fill: string) {
  const tenant = await ensuredTenant(mapper, cell)
  await mapper.migrate(tenant.target('database'), set)
  const { schema } = namesOf(tenant)
  const rows = async () => (await cell.admin.query<object>(`select * from ${schema}.a`)).rows
  await cell.admin.query(`set search_path = ${schema}; ${fill}; reset all`)
  await mapper.freeze(tenant.target('database'))
  const inventory = (await mapper.export?.(tenant.target('database'), archive.writer(), set)) as Inventory
  const before = await rows()
  await mapper.remove(tenant.target('database'))
  const again = testTenant(cell.cell, { id: tenant.id, code: tenant.code, number: 2 })
  await mapper.ensure(again.target('database', 1, { birth: 'suspended' }))
  await mapper.import?.(again.target('database'), archive.reader(), inventory)
  await mapper.compare?.(again.target('database'), inventory)
  return { before, after: await rows() }
}

test.each(['key', 'key[]'])(
  'a domain whose check looks into a table that is filled later comes back (as %s)',
  async (type) => {
    const set = [
      script(
        '1.0.0/001-a.sql',
        `create table z (k int);
       create function known(x int) returns boolean language sql stable as 'select exists (select from z where k = x)';
       create domain key as int check (known(value)); create domain plain as int check (value > 0);
       create table a (b ${type}, c plain[])`,
      ),
    ]
    const fill = `insert into z values (1); ${type === 'key' ? `insert into a values (1, '{1}')` : ''}`
    const { before, after } = await broughtBack(set, fill)
    expect(after).toEqual(before)
  },
)

const generated = (body: string) => [
  script(
    '1.0.0/001-a.sql',
    `create table z (k int); create function f(x int) returns int language sql immutable as '${body}';
     create table a (b int, "C" numeric(6, 2) generated always as (f(b) * 1.005) stored, d varchar(9) generated always as (b::text) stored)`,
  ),
]

test('generated columns come back as they were', async () => {
  const { before, after } = await broughtBack(generated('select x'), 'insert into a values (1), (null), (7)')
  expect(after).toEqual(before)
  expect(after).toContainEqual({ b: 7, C: '7.04', d: '7' })
})

test('one that its expression would compute anew as something else is refused, before anything is removed', async () => {
  const replaced = `create or replace function f(x int) returns int language sql immutable as 'select x * 2'`
  const set = [...generated('select x'), script('1.0.0/002-b.sql', replaced)]
  const tenant = await ensuredTenant(mapper, cell)
  const { schema } = namesOf(tenant)
  await mapper.migrate(tenant.target('database'), set.slice(0, 1))
  await cell.admin.query(`insert into ${schema}.a values (1)`)
  await mapper.migrate(tenant.target('database'), set)
  await mapper.freeze(tenant.target('database'))
  await expect(mapper.export?.(tenant.target('database'), archive.writer(), set)).rejects.toMatchObject({
    code: 'archive_unsupported',
    message: expect.stringContaining('a.C') as string,
  })
})

test('one that was computed while another table was empty is told from what was archived', async () => {
  const set = generated('select (select count(*)::int from z) + x')
  await expect(broughtBack(set, 'insert into z values (1); insert into a values (1)')).rejects.toMatchObject({
    code: 'restore_differs',
    message: expect.stringContaining('a.C') as string,
  })
})
