import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectMover, type MoverClient } from '../../../isolation/move/end.ts'
import type { Blocker } from '../../../domain/relocation.ts'
import { inspectSchema } from '../../../isolation/move/inspect.ts'
import { serverBlockers } from '../../../isolation/move/server-blockers.ts'
import { testMove, type TestMove } from '../../support/mover.ts'

const { signal } = new AbortController()
let move: TestMove
let mover: MoverClient
let blockers: readonly Blocker[]
const names = () => move.source.end.names

/** What a move would lose or break, one of each kind. */
beforeAll(async () => {
  move = await testMove()
  const { source, target, schema } = move
  const { ownerRole } = source.end.names
  await source.admin.query(`
    create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing; grant usage on foreign server nowhere to ${ownerRole};
    create schema other; grant usage, create on schema other to ${ownerRole}; create table other.rates (id int primary key); grant select on other.rates to ${ownerRole}`)
  await source.asOwner(
    `create table bare (id int); create table late (id int primary key deferrable);
     create table unheard (id int primary key); alter table unheard replica identity nothing;
     create table fine (id int primary key, v int); insert into fine values (1, 1), (2, 1);
     create table by_all (a int); alter table by_all replica identity full;
     create table made (a int, b int generated always as (a + 1) stored primary key, c int generated always as (a) virtual);
     create table made_too (a int, b int generated always as (a + 1) virtual); alter table made_too replica identity full;
     create unlogged table scratch (id int primary key);
     create foreign table far (id int) server nowhere;
     create domain number as oid;
     create table files (id int primary key, one oid, more number[], size bigint);
     create table loose (a int, doc json, spots point[]); alter table loose replica identity full;
     create function known(int) returns boolean language plpgsql as $$ begin return exists (select from bare where id = $1); end $$;
     create function plain(int) returns boolean language sql immutable as 'select $1 > 0';
     create function set_(int) returns boolean language plpgsql set search_path from current as $$ begin return exists (select from bare where id = $1); end $$;
     create table checked (id int primary key check (known(id)), b int check (plain(b)), c int check (set_(c)));
     create view rated as select * from other.rates;
     create view other.peek as select id from fine;
     create function other.take() returns bigint language sql begin atomic select count(*) from fine; end;
     create table other.points (fine int references fine)`,
    'select lo_create(0)',
  )
  await source.asOwner('create unique index concurrently half on fine (v)').catch(() => {})
  await source.admin.query(`
    create table ${schema}.strange (id int primary key); create function ${schema}.inside() returns int language internal as 'pg_backend_pid';
    alter function ${schema}.inside() owner to ${ownerRole};
    create function other.seen() returns event_trigger language plpgsql as 'begin end'; create event trigger watcher on ddl_command_end execute function other.seen()`)
  await target.asOwner('create table fine (id int primary key, v int)')
  await target.admin.query(`create publication here for table ${schema}.fine`)
  await source.admin.query(
    `create subscription elsewhere connection '${target.end.provisionerUrl}' publication here with (create_slot = false, slot_name = none, enabled = false)`,
  )
  mover = await connectMover(source.end, { signal })
  ;({ blockers } = await inspectSchema(mover, schema))
})
afterAll(async () => {
  await mover?.end()
  await move?.source.admin.query('drop subscription if exists elsewhere')
  await move?.drop()
})

test.each([
  ['no_replica_identity', ['SCHEMA.bare', 'SCHEMA.late', 'SCHEMA.unheard']],
  ['generated_identity', ['SCHEMA.made.b', 'SCHEMA.made_too.b']],
  ['unlogged_table', ['SCHEMA.scratch']],
  ['foreign_table', ['SCHEMA.far']],
  ['invalid_index', ['SCHEMA.half']],
  ['subscribed_table', ['SCHEMA.fine']],
  ['large_objects', ['SCHEMA_owner']],
  ['large_object_column', ['SCHEMA.files.one', 'SCHEMA.files.more']],
  ['full_identity_without_equality', ['SCHEMA.loose.doc', 'SCHEMA.loose.spots']],
  ['other_owner', ['SCHEMA.strange']],
  ['event_trigger', ['watcher']],
  ['untrusted_function', ['SCHEMA.inside()']],
  ['function_needs_search_path', ['SCHEMA.known(integer)']],
  [
    'outside_dependency',
    [
      'constraint points_fine_fkey on table other.points',
      'function other.take()',
      'view SCHEMA.rated',
      'view other.peek',
    ],
  ],
])('names every %s, and nothing else', (code, objects) => {
  const found = blockers.filter((one) => one.code === code)
  expect(found.map(({ object }) => object).toSorted()).toEqual(
    objects.map((object) => object.replace('SCHEMA', move.schema)).toSorted(),
  )
  for (const { message, remedy } of found)
    expect([message, remedy]).toEqual([expect.stringMatching(/\w+ \w+/), expect.stringMatching(/\w+ \w+/)])
})

test('there is no other kind of blocker', () => {
  expect(new Set(blockers.map(({ code }) => code)).size).toBe(14)
})

test('PostgreSQL itself refuses an update of what rows would be found by in vain', async () => {
  const { schema, source } = move
  const tables = ['bare', 'late', 'unheard', 'made', 'made_too'].map((name) => `${schema}.${name}`)
  await source.admin.query(`create publication all_of_it for table ${tables.join(', ')}`)
  for (const table of tables)
    await expect(source.admin.query(`delete from ${table}`)).rejects.toThrow('cannot delete from table')
  await source.admin.query('drop publication all_of_it')
})

test.each([
  ['no_replica_identity', 'late', 'alter table SCHEMA.late replica identity full'],
  ['unlogged_table', 'scratch', undefined],
  ['function_needs_search_path', 'known(integer)', undefined],
])('the remedy of %s is one', async (code, name, instead) => {
  const { remedy = '' } = blockers.find((one) => one.code === code && one.object === `${move.schema}.${name}`) ?? {}
  await mover.query(instead?.replace('SCHEMA', move.schema) ?? remedy)
  const { blockers: left } = await inspectSchema(mover, move.schema)
  expect(left.filter((one) => one.code === code && one.object === `${move.schema}.${name}`)).toEqual([])
})

const asked = (role: 'source' | 'target' = 'source') => ({ role, ownerRole: names().ownerRole })

test('a server that is prepared has nothing in the way', async () => {
  expect((await serverBlockers(mover, asked())).filter(({ isWarning }) => isWarning !== true)).toEqual([])
})

test('each right that the mover lacks is named, and its remedy gives it back', async () => {
  const { source, cluster, mover: role } = move
  const { ownerRole } = names()
  await cluster.query(`alter role ${role} noreplication nobypassrls; revoke pg_create_subscription from ${role};
    revoke set on parameter session_replication_role, deadlock_timeout from ${role}; revoke set option for ${ownerRole} from ${role};
    revoke create on database ${source.database} from ${role}`)
  await source.admin.query(`revoke update on tenancy.placement from ${role}`)
  const lacking = await serverBlockers(mover, asked())
  expect(lacking.map(({ code, object }) => [code, object])).toEqual(
    Array.from({ length: 8 }, () => ['right_missing', role]),
  )
  for (const { remedy } of lacking) await source.admin.query(remedy)
  expect(await serverBlockers(mover, asked())).toEqual([])
})

test('an owner role that is not made yet is missed on the source only', async () => {
  const nobody = { ownerRole: `${move.schema}_nobody` }
  expect(await serverBlockers(mover, { role: 'target', ...nobody })).toEqual([])
  expect(await serverBlockers(mover, { role: 'source', ...nobody })).toEqual([
    expect.objectContaining({ code: 'right_missing' }),
  ])
})

test('a server without room for so many moves says of what, and how much it needs', async () => {
  const found = await serverBlockers(mover, { ...asked(), moves: 100_000 })
  expect(found.map(({ code }) => code)).toEqual(['no_free_slot', 'no_free_sender', 'no_free_worker', 'no_free_origin'])
  expect(found[0]?.remedy).toMatch(/^alter system set max_replication_slots = 1\d{5}, and restart the server$/)
})

test('whoever holds up the making of a slot is warned of by process and role', async () => {
  const writing = await connectMover(move.source.end, { signal })
  await writing.query('begin; select pg_current_xact_id()')
  await sleep(20)
  const found = await serverBlockers(mover, { ...asked(), longMs: 10 })
  const own = found.filter(({ object }) => object === `process ${writing.processID} of role ${move.mover}`)
  expect(own).toEqual([expect.objectContaining({ code: 'long_transaction', isWarning: true })])
  expect((await serverBlockers(mover, asked())).filter(({ object }) => object === own[0]?.object)).toEqual([])
  await mover.query(own[0]?.remedy ?? '')
})
