import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { verifyAudit, type AuditRecord } from '../../../packages/sdk/index.ts'
import { createApiKey } from '../../../registry/api-keys.ts'
import { exportAudit } from '../../../registry/audit-export.ts'
import { makeCheckpoints } from '../../../registry/checkpoints.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { createWorld, manifest, type SeenOperation, type World } from '../../support/world.ts'

/** Every change of what is audited commits with an event: the registry itself looks at each transaction, at its commit. */
let world: World
let registry: pg.Client
beforeAll(async () => {
  world = await createWorld()
  registry = new pg.Client({ connectionString: world.adminUrl('registry') })
  await registry.connect()
  await registry.query(guard)
})
afterAll(async () => {
  await registry.end()
  await world.close()
})

/** What is audited, and the columns that are not: progress, leases, clocks and what is only counted. */
const audited = {
  tenants: ['updated_at', 'suspended'],
  placements: ['updated_at'],
  generations: [],
  operations: ['phase', 'steps', 'undo', 'revision', 'updated_at', 'started_at', 'finished_at', 'error', 'intent'],
  resources: ['updated_at', 'fence', 'failures', 'claimed_by', 'claimed_attempt', 'claimed_until', 'facts'],
  policies: [],
  tenant_keys: [],
  api_keys: [],
  cells: ['updated_at', 'used'],
  buses: ['updated_at', 'used'],
}

/** Notes each transaction that changed what is audited and appended no event by the time it commits. */
const guard = `
  create table untold (what text);
  grant insert on untold to public;
  create function must_be_told() returns trigger language plpgsql as $$
  begin
    if (to_jsonb(new) - string_to_array(tg_argv[0], ',')) is distinct from (to_jsonb(old) - string_to_array(tg_argv[0], ','))
      and not exists (select from events where xmin = pg_current_xact_id()::xid)
    then insert into untold values (tg_table_name || ' ' || tg_op); end if;
    return null;
  end $$;
  ${Object.entries(audited)
    .map(
      ([table, but]) => `create constraint trigger must_be_told after insert or update or delete on ${table}
        deferrable initially deferred for each row execute function must_be_told('${but.join(',')}');`,
    )
    .join('\n')}`

const untold = async () => (await registry.query<{ what: string }>('select distinct what from untold order by 1')).rows

async function commanded(slug: string, name: string, body: object = {}): Promise<string> {
  const answer = await world.request('POST', `/v1/tenants/${slug}/${name}`, body)
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return (answer.body['operation'] as SeenOperation).id
}

it('is told of every transition of a tenant, of policies, holds and keys', { timeout: 180_000 }, async () => {
  const worker = await world.worker()
  const { tenant, operation } = await world.apply('told')
  await world.until(operation.id, 'succeeded')
  const more = { environments: [{ name: 'prod' }, { name: 'test' }], quotas: { storageGiB: 5 } }
  for (const spec of [more, {}]) {
    const { body } = await world.request('PUT', '/v1/tenants/told', manifest('told', spec))
    await world.until((body['operation'] as SeenOperation).id, 'succeeded')
  }
  for (const name of ['suspend', 'resume', 'delete', 'undelete', 'delete'])
    await world.until(await commanded('told', name, { reason: 'because' }), 'succeeded')
  await world.request('PUT', '/v1/tenants/told/legal-hold', { reason: 'case 1' })
  await world.request('PUT', '/v1/tenants/told/legal-hold', { reason: 'case 2' })
  await world.request('DELETE', '/v1/tenants/told/legal-hold', {})
  // By hand, and not by the product.
  await registry.query(`set session_replication_role = replica`)
  await registry.query(`update operations set due_at = now() where tenant_id = $1 and state = 'scheduled'`, [tenant.id])
  await registry.query(`set session_replication_role = origin`)
  await expect
    .poll(async () => (await world.request('GET', `/v1/tenants/${tenant.id}`)).status, { timeout: 60_000 })
    .toBe(410)
  const rules = [{ name: 'keep-30-days', kind: 'retention', minimumDays: 30 }]
  expect((await world.request('PUT', '/v1/policies', { rules })).status).toBe(200)
  for (const role of ['platform-auditor', 'platform-operator'] as const)
    await createApiKey(world.deps.orm.em.fork(), 'somebody', role)
  await worker.stop()
  expect(await untold()).toEqual([])

  // The trail of the purged one is whole, and so is everything else.
  await makeCheckpoints(world.deps.orm.pool, world.deps.signer, { intervalMs: 1 })
  const records = (of: string | null) =>
    exportAudit(sqlOf(world.deps.orm.pool), world.deps.signer, of) as AsyncIterable<unknown> as AsyncIterable<
      AuditRecord[]
    >
  expect(await verifyAudit(records(null))).toMatchObject({ streams: 2, findings: [] })
  expect(await verifyAudit(records(tenant.id))).toMatchObject({ streams: 1, checkpoints: 1, unsigned: 0, findings: [] })

  const said = async (stream: string, type: string) =>
    (
      await registry.query<{ data: unknown }>(
        `select body::jsonb -> 'data' as data from events where stream = $1 and type = $2 order by seq`,
        [stream, type],
      )
    ).rows.map(({ data }) => data)
  const [accepted] = await said(tenant.id, 'TENANCY_TENANT_ACCEPTED')
  expect(accepted).toMatchObject({ placements: [{ environment: 'prod', state: 'standby', epoch: 1, before: null }] })
  const placements = (await said(tenant.id, 'TENANCY_PLACEMENT_CHANGED')) as { placements: object[] }[]
  expect((await said(tenant.id, 'TENANCY_MANIFEST_ACCEPTED'))[0]).toMatchObject({
    before: 1,
    placements: [{ environment: 'test', number: 1, state: 'standby' }],
  })
  expect(placements.map(({ placements: [side] }) => side)).toContainEqual(
    expect.objectContaining({ environment: 'test', state: 'released', before: expect.any(Object) as object }),
  )
  expect(placements.find(({ placements: [side] }) => (side as { epoch: number }).epoch === 2)).toMatchObject({
    placements: [{ state: 'suspended', epoch: 2, before: { state: 'active', epoch: 1 } }],
  })
  expect(placements.at(-1)).toMatchObject({ placements: [{ state: 'released', before: { state: 'suspended' } }] })
  expect(await said(tenant.id, 'TENANCY_OPERATION_DUE')).toEqual([{ kind: 'purge' }])
  expect(await said(tenant.id, 'TENANCY_LEGAL_HOLD_SET')).toMatchObject([
    { before: null, reason: 'case 1' },
    { before: 'case 1', reason: 'case 2' },
  ])
  expect(await said('platform', 'TENANCY_API_KEY_REVOKED')).toEqual([
    { name: 'somebody', before: { role: 'platform-auditor' } },
  ])
  const cells = await said('platform', 'TENANCY_CELL_CHANGED')
  expect(cells[0]).toMatchObject({ before: null, after: { state: 'open' } })
  expect(JSON.stringify(cells)).not.toContain('credential:')
})

it('would have noticed one that is not', async () => {
  await registry.query('truncate untold')
  await registry.query(`update cells set capacity = capacity + 1`)
  expect(await untold()).toEqual([{ what: 'cells UPDATE' }])
})
