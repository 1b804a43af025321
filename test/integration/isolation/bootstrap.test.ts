import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapCell, bootstrapPlan } from '../../../isolation/mappers/database/bootstrap.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { codeOf, loginAs, queryAs, testCell, testTenant, type TestCell } from './support.ts'

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

test('a second time finds nothing to do, and asks for no lock', async () => {
  expect(await bootstrapPlan(cell.bootstrap)).toEqual([])
  const locker = await cell.admin.connect()
  // Advisory locks are of one database each: the one in which bootstraps wait for each other.
  const bootstrapper = new pg.Client(cell.bootstrap.adminUrl)
  await bootstrapper.connect()
  try {
    await locker.query('begin; lock table tenancy.placement in access exclusive mode')
    await bootstrapper.query(`select pg_advisory_lock(hashtext('freehold/bootstrap'))`)
    expect(await bootstrapCell({ ...cell.bootstrap, lockTimeoutMs: 100 })).toEqual([])
  } finally {
    await bootstrapper.end()
    await locker.query('rollback')
    locker.release()
  }
})

test('prints what it would do before it does it, and never a password', async () => {
  const fresh = { ...cell.bootstrap, database: `${cell.bootstrap.database}_2`, provisionerPassword: 'planted-secret' }
  const plan = await bootstrapPlan(fresh)
  try {
    expect(plan.join('\n')).not.toContain('planted-secret')
    for (const part of [
      'password',
      `create database "${fresh.database}"`,
      'create table tenancy.placement',
      'freehold.my_placement()',
      'pg_catalog.pg_advisory_lock(bigint) from public',
      'pg_catalog.pg_try_advisory_xact_lock_shared(integer,integer) from public',
      'pg_catalog.pg_logical_emit_message(boolean,text,bytea,boolean) from public',
    ])
      expect(plan.join('\n')).toContain(part)
    // A verifier has a salt of its own each time. What a database needs is known once it is there.
    const withoutVerifier = (statements: string[]) => statements.filter((one) => !one.includes('SCRAM'))
    expect(plan).toEqual(expect.arrayContaining(withoutVerifier(await bootstrapCell(fresh))))
    expect(await bootstrapPlan(fresh)).toEqual([])
  } finally {
    await bootstrapCell(cell.bootstrap)
    await cell.admin.query(`drop database if exists ${fresh.database}`)
    await cell.admin.query(`drop role if exists ${fresh.database}_tenants`)
  }
})

test('PUBLIC can do nothing in the database', async () => {
  const { rows } = await cell.admin.query(`
    select privilege from unnest(array['CONNECT', 'TEMPORARY', 'CREATE']) privilege
      where has_database_privilege('public', current_database(), privilege)
    union all select nspname || ' ' || right_ from pg_namespace, unnest(array['USAGE', 'CREATE']) right_
      where nspname in ('public', 'tenancy', 'freehold') and has_schema_privilege('public', oid, right_)
    union all select oid::regprocedure::text from pg_proc
      where proname ~ '^(pg_(try_)?advisory_|pg_logical_emit_message|lo_(creat|from|import|put))' and has_function_privilege('public', oid, 'EXECUTE')`)
  expect(rows).toEqual([])
})

test('an older database is brought to the newer form, and keeps its rows', async () => {
  const tenant = testTenant(cell.cell)
  const mapper = createDatabaseMapper()
  await mapper.ensure(tenant.target('database'))
  await cell.admin.query(`
    alter table tenancy.placement drop column fence;
    alter table tenancy.placement enable row level security;
    create policy own_row on tenancy.placement for select using (app_role = current_user);
    grant usage on schema tenancy to public; grant select on tenancy.placement to public;
    drop schema freehold cascade; grant execute on function pg_advisory_lock(bigint) to public;
    grant connect, temporary on database ${cell.cell.database.name} to public`)
  expect(await bootstrapCell(cell.bootstrap)).not.toEqual([])
  expect(await bootstrapPlan(cell.bootstrap)).toEqual([])
  await mapper.ensure(tenant.target('database'))
  expect(await queryAs(tenant, cell, 'select tenant, state from freehold.my_placement()')).toEqual([
    { tenant: tenant.id, state: 'active' },
  ])
  expect(await codeOf(queryAs(tenant, cell, 'select pg_advisory_lock(1)'))).toBe('42501')
  await mapper.close()
})

test('a lock that is held too long ends it with who holds it, and nothing is done', async () => {
  const tenant = testTenant(cell.cell)
  const mapper = createDatabaseMapper()
  await mapper.ensure(tenant.target('database'))
  await mapper.close()
  await cell.admin.query('grant select on tenancy.placement to public')
  const holder = await cell.admin.connect()
  try {
    await holder.query('begin; lock table tenancy.placement in access exclusive mode')
    const refused = bootstrapCell({ ...cell.bootstrap, lockTimeoutMs: 100 })
    await expect(refused).rejects.toMatchObject({
      code: 'substrate_unavailable',
      message: expect.stringMatching(/process \d+ of role "postgres" \(tenancy\.placement\)/),
    })
  } finally {
    await holder.query('rollback')
    holder.release()
  }
  expect(await bootstrapCell(cell.bootstrap)).toEqual(['revoke all on tenancy.placement from public'])
})

test('a tenant that asked for its placement and stays in its transaction holds up neither bootstrap nor ensure', async () => {
  const [tenant, other] = [testTenant(cell.cell), testTenant(cell.cell)]
  const mapper = createDatabaseMapper()
  await mapper.ensure(tenant.target('database'))
  const session = await loginAs(tenant, cell)
  await session.query('begin')
  expect((await session.query('select tenant from freehold.my_placement()')).rows).toEqual([{ tenant: tenant.id }])
  expect(await codeOf(session.query('savepoint a; prepare p as select * from tenancy.placement'))).toBe('42501')
  await session.query('rollback to savepoint a')
  try {
    // The strongest lock that any change of the table takes.
    const ddl = await cell.admin.connect()
    await ddl.query(
      `begin; set local lock_timeout = '2s'; lock table tenancy.placement in access exclusive mode; rollback`,
    )
    ddl.release()
    expect(await bootstrapCell({ ...cell.bootstrap, lockTimeoutMs: 1_000 })).toEqual([])
    await mapper.ensure(other.target('database', 1, { timeoutMs: 5_000 }))
    await mapper.ensure(tenant.target('database', 1, { timeoutMs: 5_000 }))
  } finally {
    await session.end()
    await mapper.close()
  }
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
