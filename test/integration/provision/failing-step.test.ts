import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { resourceKey, strategyKinds, type ResourceKind } from '../../../domain/resources.ts'
import type { Mapper, Target } from '../../../isolation/mapper.ts'
import { createWorld, type World } from '../../support/world.ts'

/** What fails is undone, and only what the operation made; the tenant can then be retried or removed. */
describe('a provision that fails', () => {
  let world: World
  let migrations: string
  let admin: pg.Client
  beforeAll(async () => {
    migrations = mkdtempSync(join(tmpdir(), 'freehold-migrations-'))
    mkdirSync(join(migrations, '1.0.0'))
    writeFileSync(join(migrations, '1.0.0', '001-fine.sql'), 'create table fine (id int);\n')
    mkdirSync(join(migrations, '2.0.0'))
    writeFileSync(
      join(migrations, '2.0.0', '001-broken.sql'),
      'create table half (id int);\n\ninsert into nowhere values (1);\n',
    )
    world = await createWorld({ migrationsDir: migrations })
    admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
    await admin.connect()
  })
  afterAll(async () => {
    await admin.end()
    await world.close()
    rmSync(migrations, { recursive: true, force: true })
  })

  /** Everything a tenant of this world could have left behind. */
  async function residue(): Promise<unknown> {
    const { rows } = await admin.query(
      `select array(select nspname from pg_namespace where nspname like 't\\_%' order by 1) as schemas,
              array(select rolname from pg_roles r where rolname like 't\\_%' and exists (select from pg_auth_members m join pg_roles g on g.oid = m.member where m.roleid = r.oid and g.rolname = $1) order by 1) as roles,
              (select count(*)::int from tenancy.placement where state <> 'retired') as placements`,
      [`${world.name}_provisioner`],
    )
    const folders = readdirSync(world.environment.FREEHOLD_STATE_DIR, { recursive: true, encoding: 'utf8' })
      .filter((path) => !path.startsWith('service-bus'))
      .toSorted((a, b) => a.localeCompare(b))
    const topics = await world.bus.topics()
    const secrets = await world.deps.orm.em.fork().execute('select count(*)::int as secrets from secrets')
    return { rows, folders, topics: topics.filter((name) => name.startsWith('tenant-')), secrets }
  }

  it.each(strategyKinds)('at the %s leaves no residue, and retry makes it', async (kind: ResourceKind) => {
    let broken = true
    const mapper: Mapper = world.deps.mappers[kind]
    const failing = {
      ...mapper,
      async ensure(target: Target) {
        const facts = await mapper.ensure(target)
        if (broken) throw new FreeholdError('configuration_invalid', 'the disk is on fire')
        return facts
      },
    }
    const worker = await world.worker({ mappers: { ...world.deps.mappers, [kind]: failing } })
    const before = await residue()
    const { operation } = await world.apply(`fails-${kind}`, { schema: { appVersion: '1.0.0' } })
    const failed = await world.until(operation.id, 'failed')
    expect(failed.error).toMatchObject({
      code: 'configuration_invalid',
      message: 'the disk is on fire',
      step: resourceKey('prod', kind, kind === 'database' || kind === 'network' ? 1 : 0),
    })
    expect(failed.error?.unresolved).toBeUndefined()
    expect(await world.tenant(`fails-${kind}`)).toMatchObject({ state: 'failed' })
    expect(await residue()).toEqual(before)
    broken = false
    expect((await world.request('POST', `/v1/tenants/fails-${kind}/retry`, {})).status).toBe(202)
    await world.until(operation.id, 'succeeded')
    expect(await world.tenant(`fails-${kind}`)).toMatchObject({ state: 'active' })
    await worker.stop()
  })

  it('half-way in a migration tells file and line, and the slug is free again after the tenant is removed', async () => {
    const worker = await world.worker()
    const before = await residue()
    const { operation } = await world.apply('half-way', { schema: { appVersion: '2.0.0' } })
    const failed = await world.until(operation.id, 'failed')
    expect(failed.error?.code).toBe('migration_failed')
    expect(failed.error?.message).toMatch(/001-broken\.sql.*3/s)
    expect(await residue()).toEqual(before)
    const removal = await world.request('POST', '/v1/tenants/half-way/purge', { confirm: 'half-way' })
    expect(removal.status).toBe(202)
    await world.until((removal.body['operation'] as { id: string }).id, 'succeeded')
    const again = await world.apply('half-way', { schema: { appVersion: '1.0.0' } })
    await world.until(again.operation.id, 'succeeded')
    await worker.stop()
  })
})
