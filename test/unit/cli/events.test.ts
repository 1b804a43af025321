import { expect, test } from 'vitest'
import type { Event } from '../../../packages/sdk/index.ts'
import { json, startFake } from './support.ts'

const said: [Event['type'], Event['data'], string][] = [
  ['TENANCY_TENANT_ACCEPTED', { slug: 'acme', generation: 1, plan: 'pro' }, 'acme'],
  ['TENANCY_KEY_CREATED', {}, '-'],
  ['TENANCY_OPERATION_STARTED', { kind: 'provision', attempt: 1 }, 'provision'],
  ['TENANCY_OPERATION_RETRIED', { kind: 'provision', attempt: 2 }, 'provision, attempt 2'],
  ['TENANCY_STATE_CHANGED', { from: 'pending', to: 'provisioning' }, 'pending → provisioning'],
  ['TENANCY_RESOURCE_PLANNED', { key: 'prod/database', name: 't_k1_prod', cell: 'c1' }, 'prod/database'],
  ['TENANCY_SCHEMA_MIGRATED', { key: 'prod/database', version: '1.4.0', applied: ['001.sql'] }, 'prod/database, 1.4.0'],
  ['TENANCY_RESOURCE_REMOVED', { key: 'prod/role', result: 'removed' }, 'prod/role, removed'],
  ['TENANCY_CREDENTIALS_READ', { environment: 'prod', kinds: ['database', 'bus'] }, 'prod, database, bus'],
  [
    'TENANCY_OPERATION_FAILED',
    { kind: 'provision', error: { code: 'migration_failed', message: 'no' } },
    'provision, migration_failed',
  ],
]

test('events tell those of one type apart', async () => {
  const items = said.map(([type, data], at) => ({
    id: `e${at}`,
    seq: at + 1,
    type,
    data,
    time: '2026-01-01T00:00:00.000Z',
    actor: 'system:worker',
    previousHash: '',
    hash: '',
  }))
  await using fake = await startFake((_, response) => json(response, 200, { items, nextAfter: null }))
  const { stdout } = await fake.freehold(['events', 'acme'])
  const [head, ...lines] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
  expect(head?.slice(0, 3)).toEqual(['SEQ', 'TYPE', 'WHAT'])
  expect(lines.map((cells) => cells.slice(1, 3))).toEqual(said.map(([type, , what]) => [type, what]))
  const { stdout: data } = await fake.freehold(['events', 'acme', '--output', 'json'])
  expect(JSON.parse(data)).toEqual(items)
})
