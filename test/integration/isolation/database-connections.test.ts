import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { namesOf, testCell, testTenant, type TestCell } from './support.ts'

let cell: TestCell
const mapper = createDatabaseMapper()

beforeAll(async () => {
  cell = await testCell()
})
afterAll(async () => {
  await mapper.close()
  await cell.drop()
})

test.each([
  ['nobody listens', 'postgres://p:planted-secret@127.0.0.1:1/warehouse', 'substrate_unavailable'],
  ['no URL at all', 'planted-secret', 'configuration_invalid'],
])('%s', async (_, provisionerUrl, code) => {
  const target = testTenant({ ...cell.cell, provisionerUrl }).target('database')
  const error: unknown = await mapper.ensure(target).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code, message: expect.stringContaining(cell.cell.name) })
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('planted-secret')
})

test('a refused login and an unprepared database are configuration, not weather', async () => {
  const login = { ...cell.cell, provisionerUrl: cell.urlOf(cell.bootstrap.provisionerRole, 'wrong') }
  const unprepared = {
    ...cell.cell,
    provisionerUrl: cell.bootstrap.adminUrl,
  }
  for (const wrong of [login, unprepared])
    await expect(mapper.ensure(testTenant(wrong).target('database'))).rejects.toMatchObject({
      code: 'configuration_invalid',
    })
})

test('a connection cut off in the middle of a query fails that query and nothing else', async () => {
  const tenant = testTenant(cell.cell)
  await mapper.ensure(tenant.target('database'))
  const slow = { version: '1', file: '1.0.0/001-slow.sql', sql: 'select pg_sleep(60)', checksum: 'x' }
  const running = mapper.migrate(tenant.target('database'), [slow]).catch((error: unknown) => error)
  const cut = async () => {
    const { rowCount } = await cell.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and query like '%pg_sleep(60)%'`,
      [namesOf(tenant).ownerRole],
    )
    expect(rowCount).toBe(1)
  }
  await vi.waitFor(cut, { timeout: 10_000 })
  expect(await running).toMatchObject({ code: 'substrate_unavailable' })
  expect(await mapper.observe(tenant.target('database'))).toMatchObject({ exists: true })
})

test('many cells do not hold a connection each', async () => {
  const tenant = testTenant(cell.cell)
  for (let n = 0; n < 40; n += 1) {
    const url = new URL(cell.cell.provisionerUrl)
    url.searchParams.set('fallback_application_name', `cell-${n}`)
    await mapper.observe({ ...tenant.target('database'), cell: { ...cell.cell, provisionerUrl: url.href } })
  }
  const connections = async () => {
    const { rows } = await cell.admin.query<{ count: number }>(
      'select count(*)::int as count from pg_stat_activity where usename = $1',
      [cell.bootstrap.provisionerRole],
    )
    expect(rows[0]?.count).toBeLessThanOrEqual(32)
  }
  await vi.waitFor(connections, { timeout: 10_000 })
})

test('connections that the server ended are replaced', async () => {
  const tenant = testTenant(cell.cell)
  await mapper.ensure(tenant.target('database'))
  await cell.admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
    cell.bootstrap.provisionerRole,
  ])
  const again = () => mapper.ensure(tenant.target('database'))
  expect(await vi.waitFor(again, { timeout: 10_000 })).toMatchObject({ connectionLimit: 5 })
})
