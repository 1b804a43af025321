import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { gateKey } from '../../../isolation/mappers/database/gate.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import {
  codeOf,
  ensuredTenant,
  loginAs,
  queryAs,
  testCell,
  testTenant,
  type TestCell,
  type TestTenant,
} from './support.ts'

let cell: TestCell
const mapper = createDatabaseMapper()

beforeAll(async () => {
  cell = await testCell()
})
afterAll(async () => {
  await mapper.close()
  await cell.drop()
})

const enter = (tenant: TestTenant, epoch: number) => codeOf(queryAs(tenant, cell, `select freehold.enter(${epoch})`))
const side = ({ id }: TestTenant, state: string, epoch: number) =>
  cell.admin.query('update tenancy.placement set state = $2, epoch = $3 where tenant = $1', [id, state, epoch])
const locked = `select pg_catalog.pg_advisory_xact_lock(${gateKey('$1', `'prod'`)})`

test('a transaction enters the active side by its epoch, and by no other', async () => {
  const [tenant, other] = [await ensuredTenant(mapper, cell), await ensuredTenant(mapper, cell)]
  await side(other, 'active', 7)
  expect(await Promise.all([0, 1, 2, 7].map((epoch) => enter(tenant, epoch)))).toEqual([
    'FH010',
    'done',
    'FH010',
    'FH010',
  ])
  expect(await queryAs(tenant, cell, 'select freehold.enter(null)').catch((error: Error) => error.message)).toMatch(
    /this side is active at epoch 1/,
  )
  for (const state of ['standby', 'suspended', 'moved', 'retired']) {
    await side(tenant, state, 1)
    expect(await enter(tenant, 1)).toBe('FH010')
  }
})

test.each([
  ['moved', 2, 'epoch 1 is stale: this side is at epoch 2'],
  ['active', 0, 'this side is at epoch 0, and not at 1 yet'],
  ['standby', 1, 'this side is standby at epoch 1'],
])('a refusal by a side that is %s at epoch %i says so, also to programs', async (state, epoch, message) => {
  const tenant = await ensuredTenant(mapper, cell)
  await side(tenant, state, epoch)
  await expect(queryAs(tenant, cell, 'select freehold.enter(1)')).rejects.toMatchObject({
    code: 'FH010',
    message,
    detail: JSON.stringify({ state, epoch }).replaceAll(':', ' : ').replaceAll(',', ', '),
    hint: expect.stringContaining('Read the context again'),
  })
})

test('who takes the gate alone waits for those that are in, and those who come read what it has committed', async () => {
  const tenant = await ensuredTenant(mapper, cell)
  const [inside, late] = [await loginAs(tenant, cell), await loginAs(tenant, cell)]
  const mover = await cell.admin.connect()
  try {
    await inside.query('begin; select freehold.enter(1)')
    await mover.query(`begin; set local lock_timeout = '100ms'`)
    expect(await codeOf(mover.query(locked, [tenant.id]))).toBe('55P03')
    await inside.query('commit')
    await mover.query('rollback; begin')
    await mover.query(locked, [tenant.id])
    const waits = codeOf(late.query('select freehold.enter(1)'))
    expect(await Promise.race([waits, sleep(200, 'it waits')])).toBe('it waits')
    await mover.query(`update tenancy.placement set state = 'moved', epoch = 2 where tenant = '${tenant.id}'`)
    await mover.query('commit')
    expect(await waits).toBe('FH010')
  } finally {
    mover.release()
    await Promise.all([inside.end(), late.end()])
  }
})

test('the gate of one tenant is none of another, and no lock of the table stays in who has entered', async () => {
  const [tenant, other] = [await ensuredTenant(mapper, cell), await ensuredTenant(mapper, cell)]
  const session = await loginAs(tenant, cell)
  const mover = await cell.admin.connect()
  try {
    await session.query('begin; select freehold.enter(1)')
    await mover.query(`begin; set local lock_timeout = '2s'`)
    await mover.query(locked, [other.id])
    expect(await codeOf(mover.query('lock table tenancy.placement in access exclusive mode'))).toBe('done')
  } finally {
    await mover.query('rollback')
    mover.release()
    await session.end()
  }
})

test('PUBLIC may not call it, and who has no side is refused', async () => {
  const { rows } = await cell.admin.query<{ may: boolean }>(
    `select has_function_privilege('public', 'freehold.enter(bigint)', 'EXECUTE') as may`,
  )
  expect(rows).toEqual([{ may: false }])
  expect(await codeOf(cell.admin.query('select freehold.enter(1)'))).toBe('FH010')
})

test('a database of its own has the gate, and so has the table of keys of each tenant', async () => {
  const tenant = testTenant(cell.cell, { profile: 'st-dedicated' })
  await mapper.ensure(tenant.target('database'))
  await mapper.migrate(tenant.target('database'), [])
  expect([await enter(tenant, 1), await enter(tenant, 2)]).toEqual(['done', 'FH010'])
  await queryAs(tenant, cell, `insert into _freehold_keys (key, result) values ('a', '{"b":1}')`)
  await queryAs(tenant, cell, `update _freehold_keys set result = '2'`)
  expect(await queryAs(tenant, cell, 'delete from _freehold_keys returning key, result')).toEqual([
    { key: 'a', result: 2 },
  ])
  await mapper.remove(tenant.target('database'))
})
