import type pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { script } from '../../support/awkward-schema.ts'
import { codeOf, ensuredTenant, loginAs, namesOf, testCell, type TestCell, type TestTenant } from './support.ts'

/** Work that may take hours does not wait as long for a lock: who waits for one holds up all who come behind. */
let cell: TestCell
let archive: TestArchive
const mapper = createDatabaseMapper({ statementTimeoutMs: 2_000 })
const set = [script('1.0.0/001.sql', 'create table notes (note text)')]
const next = [...set, script('1.1.0/001.sql', 'alter table notes add column at timestamptz')]

beforeAll(async () => {
  ;[cell, archive] = [await testCell(), await testArchive()]
})
afterAll(async () => {
  await mapper.close()
  await Promise.all([cell.drop(), archive.drop()])
})

async function migrated(): Promise<TestTenant> {
  const tenant = await ensuredTenant(mapper, cell)
  await mapper.migrate(tenant.target('database'), set)
  return tenant
}
/** A session that stays in a transaction with these statements. */
async function holding(session: pg.Client | pg.PoolClient, sql: string): Promise<void> {
  onTestFinished(() => void session.query('rollback').catch(() => {}))
  await session.query(`begin; ${sql}`)
}

test('a migration that waits for a long transaction of its tenant lets the tenant read on, and comes again', async () => {
  const tenant = await migrated()
  const [long, other] = [await loginAs(tenant, cell), await loginAs(tenant, cell)]
  onTestFinished(async () => void (await Promise.all([long.end(), other.end()])))
  await holding(long, 'select from notes')
  const migrating = codeOf(mapper.migrate(tenant.target('database'), next))
  const started = Date.now()
  while (Date.now() - started < 1_000) await other.query('select pg_sleep(0.05)')
  await other.query('select from notes')
  expect(Date.now() - started).toBeLessThan(8_000)
  expect(await migrating).toBe('substrate_unavailable')
  await long.query('rollback')
  expect(await mapper.migrate(tenant.target('database'), next)).toMatchObject({ applied: ['1.1.0/001.sql'] })
})

test('an export that waits for a lock of an administrator says so, and comes again', async () => {
  const tenant = await migrated()
  await mapper.freeze(tenant.target('database'))
  const admin = await cell.admin.connect()
  onTestFinished(() => admin.release())
  await holding(admin, `lock table ${namesOf(tenant).schema}.notes in access exclusive mode`)
  const exported = () => mapper.export?.(tenant.target('database'), archive.writer(), set) as Promise<unknown>
  const started = Date.now()
  expect(await codeOf(exported())).toBe('substrate_unavailable')
  expect(Date.now() - started).toBeLessThan(10_000)
  await admin.query('rollback')
  expect(await exported()).toMatchObject({ tables: [expect.anything(), expect.anything(), { name: 'notes' }] })
})
