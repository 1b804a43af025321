import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapCell } from '../../../isolation/mappers/database/bootstrap.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { codeOf, loginAs, testCell, testTenant, type TestCell } from './support.ts'

let cell: TestCell

beforeAll(async () => {
  cell = await testCell()
})
afterAll(() => cell.drop())

test('runs again, also twice at once, keeps data and renews the password', async () => {
  const tenant = testTenant(cell.cell)
  const mapper = createDatabaseMapper()
  await mapper.ensure(tenant.target('database'))
  await mapper.close()
  const options = { ...cell.bootstrap, provisionerPassword: 'renewed' }
  await Promise.all([bootstrapCell(options), bootstrapCell(options)])
  const { rows } = await cell.admin.query('select tenant from tenancy.placement')
  expect(rows).toEqual([{ tenant: tenant.id }])
  const provisioner = new pg.Client(cell.urlOf(cell.bootstrap.provisionerRole, 'renewed'))
  await provisioner.connect()
  await provisioner.end()
  await bootstrapCell(cell.bootstrap)
})

test('gives the provisioner what it needs and no more', async () => {
  const { rows } = await cell.admin.query(
    'select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = $1',
    [cell.bootstrap.provisionerRole],
  )
  expect(rows).toEqual([
    { rolsuper: false, rolcreaterole: true, rolcreatedb: true, rolreplication: false, rolbypassrls: false },
  ])
})

test('locked down, a tenant cannot enter the system’s databases either', async () => {
  const tenant = testTenant(cell.cell)
  const mapper = createDatabaseMapper()
  await mapper.ensure(tenant.target('database'))
  await mapper.close()
  try {
    await bootstrapCell({ ...cell.bootstrap, lockDown: true })
    for (const name of ['postgres', 'template1']) expect(await codeOf(loginAs(tenant, cell, name))).toBe('42501')
  } finally {
    // The cluster is shared with other tests.
    await cell.admin.query(
      'grant connect, temporary on database postgres to public; grant connect on database template1 to public',
    )
  }
})

test('refuses a system database, a superuser as provisioner and an administrator who cannot log in', async () => {
  const wrong = [
    { database: 'postgres' },
    { provisionerRole: new URL(cell.bootstrap.adminUrl).username },
    { adminUrl: 'nonsense' },
    { adminUrl: cell.urlOf('nobody', 'x') },
  ]
  for (const change of wrong)
    expect(await codeOf(bootstrapCell({ ...cell.bootstrap, ...change }))).toBe('configuration_invalid')
})
