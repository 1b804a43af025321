import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { remainsOf } from '../../support/remains.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

type Area = { container: string; prefix: string }

/** What a tenant has besides its database goes with it: objects, whatever is written on the way, and its share of the runtime. */
describe('objects and runtime of a tenant that moves', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld({ timing: { heartbeatMs: 5_000 } })
    await world.worker()
  })
  afterAll(() => world.close())

  const relocations = '/v1/tenants/mover/relocations'
  const topology = async () => {
    const { body } = await world.request('GET', '/v1/tenants/mover/context')
    return body['topology'] as { objectStore: Area; runtime: { taskQueue: string } }
  }
  /** Straight into the folder of the store, as its own clients do it behind their credentials. */
  const files = ({ container, prefix }: Area) => {
    const folder = join(world.environment.FREEHOLD_STATE_DIR, 'objects', container, prefix)
    const path = (key: string) => join(folder, key)
    return {
      write(key: string, text: string) {
        mkdirSync(dirname(path(key)), { recursive: true })
        writeFileSync(path(key), text)
      },
      remove: (key: string) => rmSync(path(key)),
      all: () =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((one) => one.isFile() && !one.parentPath.includes('.freehold'))
          .map((one) => `${one.name} ${readFileSync(join(one.parentPath, one.name), 'utf8')}`)
          .toSorted(),
      isFrozen: () =>
        (JSON.parse(readFileSync(join(folder, '.freehold', 'area.json'), 'utf8')) as { frozen: boolean }).frozen,
    }
  }
  async function begun(path: string, body: object): Promise<string> {
    const answer = await world.request('POST', path, body)
    expect([answer.status, answer.body]).toEqual([202, expect.anything()])
    return (answer.body['operation'] as SeenOperation).id
  }

  it('come along with what was written and deleted meanwhile, come back, and leave nothing', async () => {
    const { operation, tenant }: { operation: SeenOperation; tenant: SeenTenant } = await world.apply('mover')
    await world.until(operation.id, 'succeeded')
    const before = await topology()
    const old = files(before.objectStore)
    for (const key of ['a', 'b', 'deep/er/c']) old.write(key, 'first')
    const id = await begun(relocations, { target: { profile: 'st-dedicated' }, approval: true })
    for (let looks = 0; ; looks += 1) {
      const { body } = await world.request('GET', `${relocations}/${id}`)
      if ((body['relocation'] as { phase: string }).phase === 'ready') break
      expect(looks).toBeLessThan(300)
      await sleep(100)
    }
    old.write('a', 'second')
    old.write('d', 'late')
    old.remove('b')
    await begun(`${relocations}/${id}/approve`, {})
    await world.until(id, 'succeeded')
    const there = await topology()
    expect(there.runtime.taskQueue).toBe(`work-${tenant.code}-prod`)
    expect(there.objectStore).not.toEqual(before.objectStore)
    const moved = files(there.objectStore)
    expect(moved.all()).toEqual(['a second', 'c first', 'd late'])
    expect([old.isFrozen(), moved.isFrozen()]).toEqual([true, false])
    moved.write('e', 'there')
    await world.until(await begun(`${relocations}/${id}/rollback`, {}), 'succeeded')
    expect(await topology()).toEqual(before)
    expect(old.all()).toEqual(['a second', 'c first', 'd late', 'e there'])
    expect(old.isFrozen()).toBe(false)
    const again = await begun(relocations, { target: { profile: 'st-dedicated' } })
    await world.until(again, 'succeeded')
    const suspended = await begun('/v1/tenants/mover/suspend', {})
    await world.until(suspended, 'succeeded')
    await world.until(await begun('/v1/tenants/mover/resume', {}), 'succeeded')
    expect([old.isFrozen(), files((await topology()).objectStore).isFrozen()]).toEqual([true, false])
    await world.until(await begun(`${relocations}/${again}/complete`, {}), 'succeeded')
    const remains = await remainsOf(world, tenant)
    expect(remains.ledger).toEqual([
      'prod/3/database present',
      'prod/3/network present',
      'prod/3/object-store present',
      'prod/runtime present',
      'prod/secrets present',
      'prod/topic present',
    ])
    expect(remains.files.filter((one) => one.includes('data-shared'))).toEqual([])
    const update = await world.request('GET', '/v1/tenants/mover/diff')
    expect(update.body['drift']).toEqual([])
  })
})
