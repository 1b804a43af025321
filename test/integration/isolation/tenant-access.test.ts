import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { codeOf, loginAs, namesOf, queryAs, ensuredTenant, testCell, type TestCell } from './support.ts'

let cell: TestCell
const mapper = createDatabaseMapper()

beforeAll(async () => {
  cell = await testCell()
})
afterAll(async () => {
  await mapper.close()
  await cell.drop()
})

const ensured = (connections?: number) => ensuredTenant(mapper, cell, connections)

test('a tenant sees and touches nothing of another', async () => {
  const [mine, other] = [await ensured(), await ensured()]
  const { schema, appRole, ownerRole } = namesOf(other)
  await cell.admin.query(
    `set role ${ownerRole}; create table ${schema}.orders (id int); insert into ${schema}.orders values (1); reset role`,
  )
  expect(await queryAs(other, cell, 'select id from orders')).toEqual([{ id: 1 }])

  const refused = [
    `select * from ${schema}.orders`,
    `insert into ${schema}.orders values (2)`,
    `create table ${schema}.x (id int)`,
    `create schema mine`,
    `create table public.x (id int)`,
    `create temporary table x (id int)`,
    `set role ${appRole}`,
    `alter role ${appRole} password 'x'`,
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${appRole}'`,
    `select lo_creat(-1)`,
    `select lo_create(0)`,
    `select lo_from_bytea(0, 'x')`,
    `select * from tenancy.placement`,
    `prepare p as select * from tenancy.placement`,
    `update tenancy.placement set epoch = 99`,
    `insert into tenancy.placement select * from tenancy.placement`,
    `begin; lock table tenancy.placement in share update exclusive mode`,
  ]
  const theirSession = await loginAs(other, cell)
  const outcomes: [string, string][] = []
  for (const statement of refused) outcomes.push([statement, await codeOf(queryAs(mine, cell, statement))])
  expect(outcomes).toEqual(refused.map((statement) => [statement, '42501']))
  await theirSession.end()
  expect(await queryAs(mine, cell, 'select tenant, state from freehold.my_placement()')).toEqual([
    { tenant: mine.id, state: 'active' },
  ])
  expect(
    await queryAs(
      mine,
      cell,
      'select * from pg_stats where schemaname not like $$pg\\_%$$ and schemaname <> $$information_schema$$',
    ),
  ).toEqual([])
})

test('a tenant cannot enter the database of another cell', async () => {
  const [tenant, elsewhere] = [await ensured(), await testCell()]
  try {
    expect(await codeOf(loginAs(tenant, cell, elsewhere.cell.database.name))).toBe('42501')
  } finally {
    await elsewhere.drop()
  }
})

test('a tenant is marked by its id alone', async () => {
  const tenant = await ensured()
  const { schema, appRole, ownerRole } = namesOf(tenant)
  const rows = await queryAs(
    tenant,
    cell,
    `select obj_description('${schema}'::regnamespace) as tag union all
     select shobj_description(oid, 'pg_authid') from pg_roles where rolname in ('${appRole}', '${ownerRole}')`,
  )
  expect(rows).toEqual(Array.from({ length: 3 }, () => ({ tag: `{"freehold":"${tenant.id}","placement":1}` })))
})

test('a tenant holds no more connections than its limit', async () => {
  const tenant = await ensured(2)
  const open = [await loginAs(tenant, cell), await loginAs(tenant, cell)]
  expect(await codeOf(loginAs(tenant, cell))).toBe('53300')
  await Promise.all(open.map((client) => client.end()))
})
