import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { remainsOf } from '../../support/remains.ts'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

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
    const { databases, schemas, roles, sides, ledger } = await remainsOf(world, tenant)
    expect({ databases, schemas, roles, sides, ledger }).toEqual({
      databases: [`warehouse_${tenant.code}_prod`],
      schemas: [],
      roles: ['app', 'owner'].map((role) => `t_${tenant.code}_prod_3_${role}`),
      sides: ['prod/3 active'],
      ledger: [
        'prod/3/database present',
        'prod/3/network present',
        'prod/object-store present',
        'prod/runtime present',
        'prod/secrets present',
        'prod/topic present',
      ],
    })
  })
})
