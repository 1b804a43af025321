import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishCut } from '../../../operations/publish-cut.ts'
import { remainsOf } from '../../support/remains.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

type Seen = {
  id: string
  state: string
  phase: string
  cut: { fenceMs?: number } | null
  verified: object | null
  allowed: string[]
}

/** A move from the command to its end, through API, workflow and worker. */
describe('relocate', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld({ timing: { heartbeatMs: 5_000 } })
    await world.worker()
  })
  afterAll(() => world.close())

  const relocations = (slug: string) => `/v1/tenants/${slug}/relocations`
  async function relocate(slug: string, body: object = {}): Promise<SeenOperation> {
    const answer = await world.request('POST', relocations(slug), { target: { profile: 'st-dedicated' }, ...body })
    expect([answer.status, answer.body]).toEqual([202, expect.anything()])
    return answer.body['operation'] as SeenOperation
  }
  const seen = async (slug: string, id: string) =>
    (await world.request('GET', `${relocations(slug)}/${id}`)).body['relocation'] as Seen
  async function phase(slug: string, id: string, wanted: string): Promise<void> {
    for (let looks = 0; (await seen(slug, id)).phase !== wanted; looks += 1) {
      expect(looks).toBeLessThan(300)
      await sleep(100)
    }
  }
  let made: Promise<unknown> | undefined
  const refusable = () =>
    (made ??= world.apply('stays').then(({ operation }) => world.until(operation.id, 'succeeded')))
  const context = async (slug: string) => (await world.request('GET', `/v1/tenants/${slug}/context`)).body

  it('moves a tenant to a database of its own, takes it back, and moves it for good', async () => {
    const { operation: born, tenant } = await world.apply('mover')
    await world.until(born.id, 'succeeded')
    const before = await context('mover')
    const first = await relocate('mover')
    await world.until(first.id, 'succeeded')
    expect(await seen('mover', first.id)).toMatchObject({
      state: 'soaking',
      cut: { serving: 'target', epoch: 2 },
      verified: { taken: 'at-the-cut' },
      allowed: ['rollback', 'complete'],
    })
    const there = await context('mover')
    expect(there).toMatchObject({ epoch: 2, state: 'active', profile: 'st-dedicated' })
    expect(there['topology']).not.toEqual(before['topology'])
    // What a try from before the cut has to say comes late: the registry knows of a later epoch.
    const both = { tenant: tenant.id, environment: 'prod', source: 1, target: 2 }
    const word = { number: 1, state: 'active', epoch: 1 }
    await publishCut(world.deps.orm.pool, { id: first.id, correlationId: 'late' }, both, word)
    expect(await context('mover')).toEqual(there)
    expect((await world.request('GET', '/v1/tenants/mover')).body['allowed']).toEqual(['suspend'])
    const refusedNow = await world.request('POST', '/v1/tenants/mover/archive', {})
    expect([refusedNow.status, refusedNow.body['code']]).toEqual([409, 'relocation_soaking'])
    const back = await world.request('POST', `${relocations('mover')}/${first.id}/rollback`, {})
    await world.until((back.body['operation'] as SeenOperation).id, 'succeeded')
    expect(await seen('mover', first.id)).toMatchObject({
      state: 'rolled-back',
      rollback: { serving: 'source', epoch: 3 },
      allowed: [],
    })
    expect(await context('mover')).toMatchObject({
      epoch: 3,
      state: 'active',
      profile: 'mt-standard',
      topology: before['topology'],
    })
    const second = await relocate('mover', { soakSeconds: 1 })
    await world.until(second.id, 'succeeded')
    for (let looks = 0; (await seen('mover', second.id)).state !== 'completed'; looks += 1) {
      expect(looks).toBeLessThan(300)
      await sleep(100)
    }
    const { databases, schemas, roles, sides, ledger, secrets } = await remainsOf(world, tenant)
    expect(secrets.filter((name) => name.includes('database'))).toEqual([`secrets/${tenant.code}/prod/database-3`])
    expect({ databases, schemas, roles, sides, ledger }).toEqual({
      databases: [`warehouse_${tenant.code}_prod`],
      schemas: [],
      roles: ['app', 'owner'].map((role) => `t_${tenant.code}_prod_3_${role}`),
      sides: ['prod/3 active'],
      ledger: [
        'prod/3/database present',
        'prod/3/network present',
        'prod/3/object-store present',
        'prod/runtime present',
        'prod/secrets present',
        'prod/topic present',
      ],
    })
  })

  it('tells before a move what it has to do, and what stands in its way', async () => {
    await refusable()
    const plan = () => world.request('POST', `${relocations('stays')}:plan`, { target: { profile: 'st-dedicated' } })
    const free = await plan()
    expect([free.status, free.body]).toEqual([200, expect.objectContaining({ movable: true, blockers: [] })])
    const { code } = (await world.request('GET', '/v1/tenants/stays')).body as unknown as SeenTenant
    const [schema, owner] = [`t_${code}_prod`, `t_${code}_prod_1_owner`]
    const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
    await admin.connect()
    await admin.query(`create table ${schema}.loose (id int); alter table ${schema}.loose owner to ${owner}`)
    const blocked = await plan()
    await admin.query(`drop table ${schema}.loose`)
    await admin.end()
    expect(blocked.body).toMatchObject({ movable: false, blockers: [{ code: 'no_replica_identity' }] })
    const other = await world.request('POST', `${relocations('stays')}:plan`, { target: { profile: 'mt-standard' } })
    expect([other.status, other.body['code']]).toEqual([409, 'placement_unchanged'])
  })

  it('refuses a schema that cannot move, by name, and one whose new place is a stranger’s; nothing is left', async () => {
    const { operation: born, tenant } = await world.apply('stuck')
    await world.until(born.id, 'succeeded')
    const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
    admin.on('error', () => {})
    await admin.connect()
    const [schema, owner] = [`t_${tenant.code}_prod`, `t_${tenant.code}_prod_1_owner`]
    await admin.query(`create table ${schema}.loose (id int); alter table ${schema}.loose owner to ${owner}`)
    const blocked = await relocate('stuck')
    const failed = await world.until(blocked.id, 'failed')
    expect(failed.error).toMatchObject({
      code: 'move_unsupported',
      message: expect.stringContaining(`${schema}.loose`) as string,
    })
    expect(failed.error?.unresolved).toBeUndefined()
    await admin.query(`drop table ${schema}.loose`)
    await admin.query(`create database warehouse_${tenant.code}_prod`)
    const foreign = await relocate('stuck')
    const refused = await world.until(foreign.id, 'failed')
    expect(refused.error).toMatchObject({ code: 'resource_not_owned' })
    expect(refused.error?.unresolved).toBeUndefined()
    const { databases, roles, sides } = await remainsOf(world, tenant)
    expect({ databases, roles, sides }).toEqual({
      databases: [`warehouse_${tenant.code}_prod`],
      roles: ['app', 'owner'].map((role) => `t_${tenant.code}_prod_1_${role}`),
      sides: ['prod/1 active'],
    })
    await admin.query(`drop database warehouse_${tenant.code}_prod`)
    await admin.end()
  })

  it('waits for the word before the cut, and ends where it was when the word is to give it up', async () => {
    const { operation: born } = await world.apply('waiter')
    await world.until(born.id, 'succeeded')
    const waiting = await relocate('waiter', { approval: true })
    await phase('waiter', waiting.id, 'ready')
    expect(await context('waiter')).toMatchObject({ epoch: 1 })
    const other = await world.request('POST', relocations('waiter'), { target: { profile: 'st-dedicated' } })
    expect([other.status, other.body['code']]).toEqual([409, 'operation_in_progress'])
    const aborted = await world.request('POST', `${relocations('waiter')}/${waiting.id}/abort`, {})
    expect(aborted.status).toBe(202)
    await world.until(waiting.id, 'aborted')
    expect(await seen('waiter', waiting.id)).toMatchObject({ state: 'failed', cut: null, allowed: [] })
    expect(await context('waiter')).toMatchObject({ epoch: 1, state: 'active', profile: 'mt-standard' })
    const again = await relocate('waiter', { approval: true })
    await phase('waiter', again.id, 'ready')
    const word = await world.request('POST', `${relocations('waiter')}/${again.id}/approve`, { reason: 'now' })
    expect(word.status).toBe(202)
    await world.until(again.id, 'succeeded')
    expect(await context('waiter')).toMatchObject({ epoch: 2, profile: 'st-dedicated' })
    const late = await world.request('POST', `${relocations('waiter')}/${again.id}/approve`, {})
    expect([late.status, late.body['code']]).toEqual([409, 'relocation_not_possible'])
  })

  it('moves a suspended tenant, which stays suspended, and one that is suspended on the way', async () => {
    const { operation: born } = await world.apply('sleeper')
    await world.until(born.id, 'succeeded')
    const command = async (name: string) => {
      const { body } = await world.request('POST', `/v1/tenants/sleeper/${name}`, {})
      return world.until((body['operation'] as SeenOperation).id, 'succeeded')
    }
    const waiting = await relocate('sleeper', { approval: true })
    await phase('sleeper', waiting.id, 'ready')
    await command('suspend')
    await world.request('POST', `${relocations('sleeper')}/${waiting.id}/approve`, {})
    await world.until(waiting.id, 'succeeded')
    expect(await seen('sleeper', waiting.id)).toMatchObject({ state: 'soaking', cut: { serving: 'target' } })
    expect(await context('sleeper')).toMatchObject({ state: 'suspended', profile: 'st-dedicated' })
    await command('resume')
    expect(await context('sleeper')).toMatchObject({ state: 'active', profile: 'st-dedicated' })
    const back = await world.request('POST', `${relocations('sleeper')}/${waiting.id}/rollback`, {})
    await world.until((back.body['operation'] as SeenOperation).id, 'succeeded')
    expect(await context('sleeper')).toMatchObject({ state: 'active', profile: 'mt-standard' })
    await command('suspend')
    const asleep = await relocate('sleeper')
    await world.until(asleep.id, 'succeeded')
    expect(await context('sleeper')).toMatchObject({ state: 'suspended', profile: 'st-dedicated' })
  })

  it.each([
    [{ target: { profile: 'mt-standard' } }, 409, 'placement_unchanged'],
    [{ target: { profile: 'no-such' } }, 422, 'profile_not_configured'],
    [{ target: { profile: 'st-byoc' } }, 422, 'not_available'],
    [{ target: { profile: 'st-dedicated', cell: 'no-such' } }, 409, 'cell_exhausted'],
    [{ environment: 'none', target: { profile: 'st-dedicated' } }, 404, 'environment_not_found'],
    [{ target: { profile: 'st-dedicated' }, pauseBudgetMs: 1 }, 400, 'invalid_request'],
    [
      { target: { profile: 'st-dedicated' }, window: { from: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' } },
      400,
      'invalid_request',
    ],
  ])('refuses %j, and changes nothing', async (body, status, code) => {
    await refusable()
    const answer = await world.request('POST', relocations('stays'), body)
    expect([answer.status, answer.body['code']]).toEqual([status, code])
    expect((await world.request('GET', relocations('stays'))).body).toEqual({ items: [] })
  })
})
