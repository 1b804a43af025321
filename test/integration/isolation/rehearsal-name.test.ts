import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseNames, databasePasswordSecret } from '../../../domain/names.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { script } from '../../support/awkward-schema.ts'
import { testCell, testTenant, type TestCell, type TestTenant } from './support.ts'

/** The schema in which scripts are tried out is beside every schema that a tenant can have. */
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
  expect(await mapper.observe(databaseOf(tenant, 'qa-rehearsal'))).toMatchObject({ exists: true, facts: { tables: 2 } })
})
