import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { ownerTag } from '../../../domain/owner-tag.ts'
import {
  codeOf,
  loginAs,
  namesOf,
  queryAs,
  ensuredTenant,
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

/** Everything of these names that a server could remember. */
async function residue(tenant: TestTenant) {
  const { schema, ownerRole, appRole } = namesOf(tenant)
  const { rows } = await cell.admin.query(
    `select 'role' as what from pg_roles where rolname in ($2, $3)
     union all select 'schema' from pg_namespace where nspname = $1
     union all select 'placement' from tenancy.placement where tenant = $4 and state <> 'retired'`,
    [schema, ownerRole, appRole, tenant.id],
  )
  return rows
}

/** The whole catalogues that a tenant leaves marks in, of this database. */
async function catalogues() {
  const { rows } = await cell.admin.query<{ catalogue: unknown }>(`
    select jsonb_build_object(
      'namespaces', (select count(*) from pg_namespace where nspname !~ '^pg_(toast_)?temp'),
      'relations', (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname !~ '^pg_'),
      'defaults', (select count(*) from pg_default_acl),
      'dependencies', (select count(*) from pg_shdepend where dbid = (select oid from pg_database where datname = current_database())),
      'dangling', (select count(*) from pg_shdepend d where d.refclassid = 'pg_authid'::regclass
        and not exists (select from pg_authid where oid = d.refobjid)),
      'grants', (select datacl::text from pg_database where datname = current_database()),
      'settings', (select count(*) from pg_db_role_setting s where not exists (select from pg_roles where oid = s.setrole) and s.setrole <> 0),
      'placements', (select count(*) from tenancy.placement where state <> 'retired')
    ) as catalogue`)
  return rows[0]?.catalogue
}

const ensured = (connections?: number) => ensuredTenant(mapper, cell, connections)

describe('ensure', () => {
  test('gives the tenant a schema of its own, used by one role and owned by another', async () => {
    const tenant = await ensured()
    const { schema, ownerRole, appRole } = namesOf(tenant)
    expect(await queryAs(tenant, cell, 'select current_user, current_schema()')).toEqual([
      { current_user: appRole, current_schema: schema },
    ])
    expect(await codeOf(queryAs(tenant, cell, 'create table mine (id int)'))).toBe('42501')
    expect(await codeOf(queryAs(tenant, cell, `set role ${ownerRole}`))).toBe('42501')
    expect(await mapper.observe(tenant.target('database'))).toEqual({
      exists: true,
      owner: tenant.id,
      frozen: false,
      facts: {
        missing: [],
        openDoors: ['login', 'membership', 'placement'],
        bytes: 0,
        tables: 0,
        connections: expect.any(Number),
        connectionLimit: 5,
        state: 'active',
        epoch: 1,
      },
    })
  })

  test('run again changes nothing but what has drifted', async () => {
    const tenant = await ensured()
    const { schema, appRole, ownerRole } = namesOf(tenant)
    const before = await mapper.observe(tenant.target('database'))
    await mapper.ensure(tenant.target('database'))
    expect(await mapper.observe(tenant.target('database'))).toEqual(before)

    await cell.admin.query(`alter role ${appRole} connection limit 99 password 'another'`)
    await cell.admin.query(`grant all on schema ${schema} to public`)
    await mapper.ensure(tenant.target('database'))
    expect(await mapper.observe(tenant.target('database'))).toEqual(before)
    const { rows } = await cell.admin.query('select nspacl::text as acl from pg_namespace where nspname = $1', [schema])
    expect(rows).toEqual([{ acl: `{${ownerRole}=UC/${ownerRole},${appRole}=U/${ownerRole}}` }])
  })

  test('completes what is half there: roles alone, the schema alone', async () => {
    const [rolesOnly, schemaOnly] = [testTenant(cell.cell), testTenant(cell.cell)]
    const provisioner = new pg.Client(cell.cell.provisionerUrl)
    await provisioner.connect()
    const names = namesOf(rolesOnly)
    await provisioner.query(`set createrole_self_grant = 'set, inherit'`)
    for (const role of [names.ownerRole, names.appRole])
      await provisioner.query(`create role ${role}; comment on role ${role} is '${ownerTag(rolesOnly.id, 1)}'`)
    const { schema } = namesOf(schemaOnly)
    await provisioner.query(`create schema ${schema}; comment on schema ${schema} is '${ownerTag(schemaOnly.id)}'`)
    await provisioner.query(`create table ${schema}.kept (id int); insert into ${schema}.kept values (7)`)
    await provisioner.end()

    for (const tenant of [rolesOnly, schemaOnly]) {
      expect(await mapper.observe(tenant.target('database'))).toMatchObject({ exists: true, owner: tenant.id })
      await mapper.ensure(tenant.target('database'))
      expect(await mapper.observe(tenant.target('database'))).toMatchObject({ frozen: false, facts: { missing: [] } })
    }
    expect(await queryAs(schemaOnly, cell, 'select id from kept')).toEqual([{ id: 7 }])
  })

  test('ten tenants at the same time in one database, twice each', async () => {
    const tenants = Array.from({ length: 10 }, () => testTenant(cell.cell))
    const targets = tenants.map((tenant) => tenant.target('database'))
    await Promise.all([...targets, ...targets].map((target) => mapper.ensure(target)))
    for (const tenant of tenants)
      expect(await queryAs(tenant, cell, 'select tenant from freehold.my_placement()')).toEqual([{ tenant: tenant.id }])
    await Promise.all(tenants.map((tenant) => mapper.remove(tenant.target('database'))))
    expect((await Promise.all(tenants.map(residue))).flat()).toEqual([])
  })

  test('refuses what exists without the tenant’s tag, and changes nothing', async () => {
    const other = await ensured()
    const foreigners: [string, (names: ReturnType<typeof namesOf>) => string[]][] = [
      ['schema', ({ schema }) => [`create schema ${schema}`]],
      ['ownerRole', ({ ownerRole }) => [`create role ${ownerRole}`, `comment on role ${ownerRole} is 'mine'`]],
      ['appRole', ({ appRole }) => [`create role ${appRole}`, `comment on role ${appRole} is '${ownerTag(other.id)}'`]],
    ]
    for (const [part, statements] of foreigners) {
      const tenant = testTenant(cell.cell)
      const names = namesOf(tenant)
      for (const statement of statements(names)) await cell.admin.query(statement)
      const before = [await catalogues(), await residue(tenant)]
      const refusal = {
        code: 'resource_not_owned',
        message: expect.stringContaining(names[part as keyof typeof names] as string),
      }
      for (const verb of ['ensure', 'freeze', 'thaw'] as const)
        await expect(mapper[verb](tenant.target('database'))).rejects.toMatchObject(refusal)
      expect(await mapper.remove(tenant.target('database'))).toMatchObject({
        outcome: 'not-owned',
        what: expect.stringContaining(names[part as keyof typeof names] as string),
      })
      expect([await catalogues(), await residue(tenant)]).toEqual(before)
      await cell.admin.query(
        part === 'schema' ? `drop schema ${names.schema}` : `drop role ${names[part as 'appRole']}`,
      )
    }
  })

  test('no statement holds the password, only its verifier', async () => {
    const tenant = testTenant(cell.cell)
    const sent = vi.spyOn(pg.Client.prototype, 'query')
    await mapper.ensure(tenant.target('database'))
    await mapper.ensure(tenant.target('database'))
    const statements = JSON.stringify(sent.mock.calls.map(([first, second]) => [first, second]))
    sent.mockRestore()
    const password = await tenant.secrets.read(namesOf(tenant).passwordSecret)
    expect(password).toMatch(/^[\w-]{43}$/)
    expect(statements).not.toContain(password)
    expect(statements.match(/password 'SCRAM-SHA-256\$4096:/g)).toHaveLength(2)
  })
})

describe('freeze and thaw', () => {
  test('a frozen tenant cannot log in, and its sessions have ended', async () => {
    const tenant = await ensured()
    const session = await loginAs(tenant, cell)
    const running = codeOf(session.query('select pg_sleep(60)'))
    for (let run = 0; run < 2; run += 1) await mapper.freeze(tenant.target('database', 2))
    expect(await running).toBe('57P01')
    expect(await codeOf(loginAs(tenant, cell))).toBe('28000')
    const frozen = { frozen: true, facts: { state: 'suspended', epoch: 2, connections: 0 } }
    expect(await mapper.observe(tenant.target('database'))).toMatchObject(frozen)

    await mapper.ensure(tenant.target('database', 2))
    expect(await mapper.observe(tenant.target('database')), 'ensure opens nothing').toMatchObject(frozen)

    for (let run = 0; run < 2; run += 1) await mapper.thaw(tenant.target('database', 3))
    expect(await queryAs(tenant, cell, 'select state, epoch from freehold.my_placement()')).toEqual([
      { state: 'active', epoch: '3' },
    ])
  })

  test('a late run under an earlier epoch or claim does nothing', async () => {
    const tenant = await ensured()
    const late = tenant.target('database', 3)
    await mapper.freeze(tenant.target('database', 2))
    await mapper.thaw(tenant.target('database', 3))
    await expect(mapper.freeze(tenant.target('database', 2))).rejects.toMatchObject({ code: 'operation_superseded' })
    for (const verb of ['ensure', 'freeze', 'thaw', 'remove'] as const)
      await expect(mapper[verb](late)).rejects.toMatchObject({ code: 'operation_superseded' })
    await expect(mapper.rotate?.(late, 'late')).rejects.toMatchObject({ code: 'operation_superseded' })
    await expect(mapper.migrate(late, [])).rejects.toMatchObject({ code: 'operation_superseded' })
    expect(await queryAs(tenant, cell, 'select state, epoch from freehold.my_placement()')).toEqual([
      { state: 'active', epoch: '3' },
    ])
  })

  test('what does not exist is closed, cannot be opened, and is born closed', async () => {
    const tenant = testTenant(cell.cell)
    await mapper.freeze(tenant.target('database', 2))
    await expect(mapper.thaw(tenant.target('database', 3))).rejects.toMatchObject({ code: 'not_found' })
    expect(await residue(tenant)).toEqual([{ what: 'placement' }])
    await mapper.ensure(tenant.target('database', 3))
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ frozen: true })
    expect(await codeOf(loginAs(tenant, cell))).toBe('28000')
  })

  test.each(['standby', 'suspended'] as const)('a side that is born %s lets nobody in', async (birth) => {
    const tenant = testTenant(cell.cell)
    await mapper.ensure(tenant.target('database', 1, { birth }))
    await mapper.ensure(tenant.target('database'))
    expect(await codeOf(loginAs(tenant, cell))).toBe('28000')
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ frozen: true, facts: { state: birth } })
  })
})

describe('remove', () => {
  test('ends sessions, takes everything, and may run again', async () => {
    const before = await catalogues()
    const tenant = await ensured()
    const { schema, ownerRole } = namesOf(tenant)
    await cell.admin.query(
      `set role ${ownerRole}; create table ${schema}.a (id serial primary key); create function ${schema}.f() returns int language sql return 1; reset role`,
    )
    const session = await loginAs(tenant, cell)
    await session.query('begin; lock table a in row exclusive mode')
    expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'removed' })
    expect(await codeOf(session.query('select 1'))).not.toBe('done')
    expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'absent' })
    expect(await mapper.observe(tenant.target('database'))).toEqual({ exists: false })
    expect(await residue(tenant)).toEqual([])
    expect(await catalogues()).toEqual(before)
  })

  test('leaves a tombstone that refuses who is late, and a later claim may make it anew', async () => {
    const tenant = testTenant(cell.cell)
    const late = tenant.target('database')
    await mapper.remove(tenant.target('database'))
    await expect(mapper.ensure(late)).rejects.toMatchObject({ code: 'operation_superseded' })
    expect(await residue(tenant)).toEqual([])
    await mapper.ensure(tenant.target('database'))
    await mapper.ensure(tenant.target('database'))
    expect(await queryAs(tenant, cell, 'select 1 as one')).toEqual([{ one: 1 }])
    const alsoLate = tenant.target('database')
    await mapper.remove(tenant.target('database'))
    await expect(mapper.ensure(alsoLate)).rejects.toMatchObject({ code: 'operation_superseded' })
    expect(await residue(tenant)).toEqual([])
  })

  test('leaves what another placement of the tenant has tagged', async () => {
    const tenant = await ensured()
    const { id, code, secrets } = tenant
    const second = testTenant(cell.cell, { id, code, secrets, number: 2 })
    await expect(mapper.ensure(second.target('database'))).rejects.toMatchObject({ code: 'resource_not_owned' })
    expect(await mapper.remove(second.target('database'))).toMatchObject({ outcome: 'not-owned' })
    expect(await queryAs(tenant, cell, 'select current_schema()')).toHaveLength(1)
  })

  test('leaves a schema that is not marked as the tenant’s, and the roles it hangs on', async () => {
    const tenant = await ensured()
    const { schema } = namesOf(tenant)
    await cell.admin.query(`comment on schema ${schema} is 'of somebody else'`)
    expect(await mapper.remove(tenant.target('database'))).toMatchObject({ outcome: 'not-owned' })
    expect(await residue(tenant)).toEqual([{ what: 'role' }, { what: 'role' }, { what: 'schema' }])
  })
})
