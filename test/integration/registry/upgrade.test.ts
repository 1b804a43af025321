import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { migrationNames, migrationText } from '../../../registry/migrations.ts'

/** A registry of the release before, with a tenant in it, comes to the form of today and loses nothing. */
const name = `upgrade_${randomBytes(5).toString('hex')}`
const change = '20261126000000-operations-hold-nothing-open'
let admin: pg.Client
let registry: pg.Client

beforeAll(async () => {
  admin = new pg.Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  registry = new pg.Client({ connectionString: url.href })
  await registry.connect()
})
afterAll(async () => {
  await registry.end()
  await admin.query(`drop database ${name} with (force)`)
  await admin.end()
})

const run = async (migrations: readonly string[]) => {
  for (const migration of migrations) await registry.query(await migrationText(migration))
}
const rows = async (text: string) => (await registry.query(text)).rows as unknown[]

it('keeps conditions, renames the resources of the ledger, and has deliveries find their topics', async () => {
  const all = await migrationNames()
  await run(all.filter((one) => one < change))
  await registry.query(`
    insert into cells (name, region, state, capacity, used, declaration, database) values ('c', 'eu', 'open', 5, 1, '{}', '{}');
    insert into buses (name, region, state, capacity, used, declaration, endpoint) values ('b', 'eu', 'open', 5, 1, '{}', '{}');
    insert into tenants (id, code, slug, name, data_key, profile, plan, region, state, conditions)
      values ('00000000-0000-7000-8000-000000000001', 'abcdefgh', 'old', 'Old', 'k', 'mt-standard', 'pro', 'eu', 'active',
        '[{"type": "NeedsAttention", "reason": "interrupted", "message": "look", "since": "2026-11-01T00:00:00.000Z"}]');
    insert into placements (tenant_id, environment, number, profile, cell, bus, state)
      values ('00000000-0000-7000-8000-000000000001', 'prod', 1, 'mt-standard', 'c', 'b', 'pending');
    insert into operations (id, tenant_id, kind, generation, state, actor, correlation_id)
      values ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'provision', 1, 'running', 'key:a', 'x');
    insert into resources (tenant_id, placement, key, kind, environment, cell, name, spec, created_by)
      select '00000000-0000-7000-8000-000000000001', 1, 'prod/' || kind, kind, 'prod', 'c', kind,
        jsonb_build_object('key', 'prod/' || kind, 'placement', 1), '00000000-0000-7000-8000-000000000002'
      from unnest(array['secrets', 'database', 'object-store', 'runtime', 'network', 'topic']) as kind;
    insert into event_streams (id, seq, head) values ('00000000-0000-7000-8000-000000000001', 0, repeat('0', 64));
    insert into deliveries (stream, destination, head, cursor, bus)
      values ('00000000-0000-7000-8000-000000000001', 'topic/prod/1', 3, 2, 'b');
  `)
  await run(all.filter((one) => one >= change))

  expect(await rows(`select type, reason, since::text from conditions`)).toEqual([
    { type: 'NeedsAttention', reason: 'interrupted', since: expect.stringContaining('2026-11-01') },
  ])
  const ledger = await rows(
    `select key, placement, spec ->> 'key' as spec, spec_version as version from resources order by key`,
  )
  expect(ledger).toEqual(
    [
      ['prod/1/database', 1],
      ['prod/1/network', 1],
      ['prod/object-store', 0],
      ['prod/runtime', 0],
      ['prod/secrets', 0],
      ['prod/topic', 0],
    ].map(([key, placement]) => ({ key, placement, spec: key, version: 1 })),
  )
  expect(await rows('select destination, head, cursor from deliveries')).toEqual([
    { destination: 'topic/prod/topic', head: '3', cursor: '2' },
  ])
  expect(await rows('select state, exclusive from operations')).toEqual([{ state: 'running', exclusive: true }])
  expect(await rows('select state from placements')).toEqual([{ state: 'standby' }])
})
