import { createHash } from 'node:crypto'
import { ServiceBusClient } from '@azure/service-bus'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { busEndpoint, entityConnectionString } from '../../base/bus-endpoint.ts'
import type { Migration } from '../../base/migration-source.ts'
import { tenantKeyName } from '../../domain/names.ts'
import { codeOf, databaseOf, loginAs, namesOf, queryAs, type TestTenant } from '../integration/isolation/support.ts'
import { subjects } from './subjects.ts'
import { provision, type ConformanceWorld } from './world.ts'

const file = (sql: string, name = '001-attack'): Migration => ({
  version: '1.0.0',
  file: `1.0.0/${name}.sql`,
  sql,
  checksum: createHash('sha256').update(sql).digest('hex'),
})

describe.each(subjects)('attacks on $profile', ({ open, sharesDatabase }) => {
  let world: ConformanceWorld
  /** Whom the others attack. */
  let victim: TestTenant
  let inVictims: pg.Pool
  beforeAll(async () => {
    world = await open()
    victim = await newTenant()
    inVictims = world.cell.adminIn(databaseOf(victim, world.cell))
    await world.mappers.database.migrate(victim.target('database'), [
      file(`create table orders (id int); insert into orders values (1)`, '001-orders'),
    ])
  })
  afterAll(() => world.close())

  async function newTenant(): Promise<TestTenant> {
    const tenant = world.tenant()
    await provision(world, tenant)
    return tenant
  }

  const urlOf = (tenant: TestTenant, role: string, password: string) =>
    world.cell.urlOf(role, password, databaseOf(tenant, world.cell))

  /** All that a migration of somebody else must not change: roles with their passwords, members, rows of the victim. */
  async function untouched(but: TestTenant) {
    const [{ ownerRole, appRole }, victimNames] = [namesOf(but), namesOf(victim)]
    const { rows } = await inVictims.query(
      `select jsonb_build_object(
        'roles', (select jsonb_agg(to_jsonb(a) - 'oid' order by rolname) from pg_authid a where rolname = any ($1)),
        'members', (select count(*) from pg_auth_members m where m.member in (select oid from pg_roles where rolname = any ($1 || $2::name))),
        'databases', (select count(*) from pg_database where datname = current_database()),
        'schemas', (select jsonb_agg(nspname order by nspname) from pg_namespace where nspname !~ '^pg_'),
        'placements', (select jsonb_agg(to_jsonb(p) - 'fence' - 'updated_at' order by tenant) from tenancy.placement p),
        'orders', (select jsonb_agg(to_jsonb(o)) from ${namesOf(victim).schema}.orders o)) as state`,
      [[victimNames.ownerRole, victimNames.appRole, appRole, world.cell.bootstrap.provisionerRole, 'loot'], ownerRole],
    )
    return rows
  }

  const hostile: [string, (names: ReturnType<typeof namesOf>, provisioner: string) => string][] = [
    ['reads passwords', () => `select rolpassword from pg_authid`],
    ['reads another tenant', ({ schema }) => `create table loot as select * from ${schema}.orders`],
    [
      'reads another tenant after reset role',
      ({ schema }) => `reset role; create table loot as select * from ${schema}.orders`,
    ],
    ['writes another tenant after a commit', ({ schema }) => `commit; insert into ${schema}.orders values (2)`],
    ['writes another tenant after a rollback', ({ schema }) => `rollback; insert into ${schema}.orders values (2)`],
    ['sets another’s password after reset role', ({ appRole }) => `reset role; alter role ${appRole} password 'mine'`],
    ['closes another tenant', ({ appRole }) => `alter role ${appRole} nologin`],
    [
      'becomes the owner of another',
      ({ ownerRole, schema }) => `set role ${ownerRole}; insert into ${schema}.orders values (2)`,
    ],
    ['is whom it logged in as', ({ appRole }) => `set role none; alter role ${appRole} password 'mine'`],
    ['grants itself the owner of another', ({ ownerRole }) => `grant ${ownerRole} to current_user`],
    ['becomes the provisioner', ({ appRole }, provisioner) => `set role ${provisioner}; alter role ${appRole} nologin`],
    ['logs in as the provisioner', (_, provisioner) => `set session authorization ${provisioner}`],
    ['goes back to whom it logged in as', (_, provisioner) => `reset session authorization; set role ${provisioner}`],
    ['makes a role', () => `reset role; create role loot superuser`],
    ['makes a schema', () => `reset role; create schema loot`],
    ['makes a database', () => `commit; create database loot`],
    ['makes itself a provisioner', () => `alter role current_user createrole createdb`],
    ['lets itself in for ever', () => `alter role current_user valid until 'infinity' connection limit -1`],
    ['writes the placements', () => `reset role; update tenancy.placement set epoch = 99`],
    ['locks the placements', () => `prepare loot as select * from tenancy.placement`],
    ['takes advisory locks', () => `select pg_advisory_lock(n) from generate_series(1, 24600) n`],
    [
      'ends sessions of another',
      ({ appRole }) =>
        `do $$ begin perform pg_terminate_backend(pid) from pg_stat_activity where usename = '${appRole}'; end $$`,
    ],
  ]
  it.each(hostile)('a migration that %s fails and changes nothing', async (_, sql) => {
    const tenant = await newTenant()
    const session = await loginAs(victim, world.cell)
    onTestFinished(() => session.end())
    const before = await untouched(tenant)
    const attack = world.mappers.database.migrate(tenant.target('database'), [
      file(`${sql(namesOf(victim), world.cell.bootstrap.provisionerRole)}; commit`),
    ])
    await expect(attack).rejects.toMatchObject({ code: 'migration_failed' })
    expect(await untouched(tenant)).toEqual(before)
    expect((await session.query('select id from orders')).rows).toEqual([{ id: 1 }])
  })

  it('what a migration leaves in place of the record of migrations never runs as the provisioner', async () => {
    const tenant = await newTenant()
    const { ownerRole, appRole } = namesOf(tenant)
    const trap = file(`
      create table seen (who text);
      create function spy() returns boolean language plpgsql as $$ begin insert into seen values (session_user), (current_user); return true; end $$;
      create table hidden as select 1 as one`)
    await world.mappers.database.migrate(tenant.target('database'), [trap])
    const client = await ownerClient(tenant)
    await client.query(`alter table _freehold_migrations rename to real;
      create view _freehold_migrations as select file, version, checksum, applied_at from real where spy()`)
    await client.end()
    await world.mappers.database.migrate(tenant.target('database'), [trap])
    for (const verb of ['observe', 'ensure'] as const) await world.mappers.database[verb](tenant.target('database'))
    const inTenants = world.cell.adminIn(databaseOf(tenant, world.cell))
    const { rows } = await inTenants.query(`select distinct who from ${namesOf(tenant).schema}.seen`)
    expect(rows).toEqual([{ who: ownerRole }])
    expect(await queryAs(tenant, world.cell, 'select current_user')).toEqual([{ current_user: appRole }])
  })

  it('nobody can log in as the owner before and after a migration, and no session of it is left', async () => {
    const tenant = await newTenant()
    for (const sql of ['create table t (id int)', `alter role current_user password 'mine'; select 1 / 0`]) {
      await world.mappers.database.migrate(tenant.target('database'), [file(sql, '002-more')]).catch(() => {})
      const { rows } = await world.cell.admin.query(
        `select rolcanlogin, rolpassword, rolvaliduntil < now() + interval '2 minutes' as soon,
           (select count(*)::int from pg_stat_activity where usename = rolname) as sessions
         from pg_authid where rolname = $1`,
        [namesOf(tenant).ownerRole],
      )
      expect(rows).toEqual([{ rolcanlogin: false, rolpassword: null, soon: true, sessions: 0 }])
      expect(await codeOf(new pg.Client(urlOf(tenant, namesOf(tenant).ownerRole, 'mine')).connect())).toMatch(/^28/)
    }
  })

  it('a thief with a session and a password is put out by rotation, whatever he does meanwhile', async () => {
    const tenant = await newTenant()
    const { appRole, passwordSecret } = namesOf(tenant)
    const old = (await tenant.secrets.read(passwordSecret)) ?? ''
    const thief = await loginAs(tenant, world.cell)
    // PostgreSQL lets every role change its own password.
    await thief.query(`alter role current_user password 'mine'`)
    const stealing = (async () => {
      for (;;) await thief.query(`alter role current_user password 'mine'`)
    })()
    const ended = stealing.catch((error: unknown) => error)
    const over = new AbortController()
    const comingBack = (async () => {
      while (!over.signal.aborted)
        for (const password of [old, 'mine']) {
          const client = new pg.Client(urlOf(tenant, appRole, password))
          client.on('error', () => {})
          await client.connect().catch(() => {})
        }
    })()
    const target = tenant.target('database')
    await world.mappers.database.rotate?.(target, 'rotation')
    expect(await ended).toBeInstanceOf(Error)
    over.abort()
    await comingBack
    // A login that was refused is seen for a moment; one that was let in stays.
    const inside = () => world.cell.admin.query('select from pg_stat_activity where usename = $1', [appRole])
    await expect.poll(async () => (await inside()).rows, { timeout: 10_000 }).toEqual([])
    for (const password of [old, 'mine'])
      expect(await codeOf(new pg.Client(urlOf(tenant, appRole, password)).connect())).toBe('28P01')
    expect(await queryAs(tenant, world.cell, 'select 1 as one')).toEqual([{ one: 1 }])

    const renewed = await tenant.secrets.read(passwordSecret)
    await world.mappers.database.rotate?.(target, 'rotation')
    expect(await tenant.secrets.read(passwordSecret)).toBe(renewed)
    await world.mappers.database.rotate?.(tenant.target('database'), 'another rotation')
    expect(await tenant.secrets.read(passwordSecret)).not.toBe(renewed)
    expect(await queryAs(tenant, world.cell, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('rotation of a closed tenant renews and leaves it closed', async () => {
    const tenant = await newTenant()
    await world.mappers.database.freeze(tenant.target('database', 2))
    await world.mappers.database.rotate?.(tenant.target('database', 2), 'rotation')
    expect(await codeOf(loginAs(tenant, world.cell))).toBe('28000')
    await world.mappers.database.thaw(tenant.target('database', 3))
    expect(await queryAs(tenant, world.cell, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  // In a database of its own the provisioner, who is no superuser, cannot take these away.
  it.runIf(sharesDatabase).each([
    ['an advisory lock', 'select pg_advisory_lock(n) from generate_series(1, 24600) n'],
    ['a shared one', 'select pg_advisory_lock_shared(1, 1)'],
    ['one it does not wait for', 'select pg_try_advisory_xact_lock(n) from generate_series(1, 24600) n'],
    ['a message in the log of the server', `select pg_logical_emit_message(false, 'x', repeat('x', 1000))`],
    ['a large object', 'select lo_create(0)'],
  ])('a service of a tenant cannot have %s', async (_, sql) => {
    expect(await codeOf(queryAs(victim, world.cell, sql))).toBe('42501')
  })

  it.each([
    ['a temporary table', 'create temporary table x (id int)'],
    ['a lock on the placements', 'prepare p as select * from tenancy.placement'],
    ['the placements', 'select * from tenancy.placement'],
    ['passwords', 'select rolpassword from pg_authid'],
  ])('a service of a tenant cannot have %s', async (_, sql) => {
    expect(await codeOf(queryAs(victim, world.cell, sql))).toBe('42501')
  })

  it.skipIf(sharesDatabase)(
    'a tenant does not get into the database of another, nor into that of the cell',
    async () => {
      const tenant = await newTenant()
      expect(await codeOf(loginAs(tenant, world.cell, databaseOf(victim, world.cell)))).toBe('42501')
      expect(await codeOf(loginAs(tenant, world.cell, world.cell.cell.database.name))).toBe('42501')
    },
  )

  it('a tenant sees its own placement alone, and reads nothing in the schemas, objects, secrets and topics of others', async () => {
    const tenant = await newTenant()
    expect(await queryAs(tenant, world.cell, 'select tenant, number, state from freehold.my_placement()')).toEqual([
      { tenant: tenant.id, number: 1, state: 'active' },
    ])
    const ofVictim = `select * from ${namesOf(victim).schema}.orders`
    expect(await codeOf(queryAs(tenant, world.cell, ofVictim))).toBe(sharesDatabase ? '42501' : '42P01')

    const areaOf = (of: TestTenant) => of.target('object-store').spec.properties
    const keyOf = async (of: TestTenant) => (await of.secrets.read(areaOf(of).signingKeySecret)) ?? ''
    const grant = { permissions: ['read', 'list'] as const, expiresInSeconds: 60, now: new Date() }
    const credential = world.store.scopedCredential(areaOf(tenant), await keyOf(tenant), grant)
    const access = (key: string) => ({ credential, signingKey: key, now: () => new Date() })
    const own = world.store.open(areaOf(tenant), access(await keyOf(tenant)))
    expect(await own.list('')).toEqual([])
    for (const key of [await keyOf(tenant), await keyOf(victim)])
      expect(await codeOf(world.store.open(areaOf(victim), access(key)).list(''))).toBe('unauthenticated')
    const wayOut = own.get(`../../${victim.code}/prod/.freehold/area.json`)
    expect(await codeOf(wayOut)).toBe('invalid_request')

    const prefix = tenant.target('secrets').spec.name
    expect(victim.target('secrets').spec.name.startsWith(prefix)).toBe(false)
    expect((await victim.secrets.list('')).filter((name) => name.startsWith(prefix))).toEqual([])

    const { name, properties } = tenant.target('topic').spec
    const other = victim.target('topic').spec.name
    const endpoint = busEndpoint(world.bus.namespace.connectionString, 'the test bus')
    const key = { keyName: tenantKeyName, key: (await tenant.secrets.read(properties.keySecret)) ?? '' }
    const bus = (entity: string) => {
      const options = { retryOptions: { maxRetries: 0 } }
      const client = new ServiceBusClient(entityConnectionString(endpoint, { ...key, entity }), options)
      onTestFinished(() => client.close())
      return client
    }
    await bus(name).createSender(name).sendMessages({ body: 'own' })
    expect(await codeOf(bus(other).createSender(other).sendMessages({ body: 'loot' }))).toBe('UnauthorizedAccess')
    expect(await codeOf(bus(other).createReceiver(other, 'all').receiveMessages(1))).toBe('UnauthorizedAccess')
  })

  /** A session as the owner, let in by the superuser, as an attacker who has a migration has it. */
  async function ownerClient(tenant: TestTenant): Promise<pg.Client> {
    const { ownerRole, schema } = namesOf(tenant)
    await world.cell.admin.query(`alter role ${ownerRole} login password 'attack'`)
    const client = new pg.Client(urlOf(tenant, ownerRole, 'attack'))
    await client.connect()
    await client.query(`set search_path = ${schema}`)
    return client
  }
})
