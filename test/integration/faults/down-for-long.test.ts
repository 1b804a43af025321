import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startProxy, type Proxy } from '../../support/proxy.ts'
import { tries } from '../../support/timing.ts'
import { holdingMappers } from '../../support/holds.ts'
import { enter, expectSight, passages, standing, type Passage } from '../../support/transitions.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/**
 * What rolls back, with a collaborator down for longer than it is waited for: it is undone as far as that goes, what could not
 * be undone is told, and a retry ends it once all is back.
 */
let world: World
let database: Proxy
let holding: ReturnType<typeof holdingMappers>
beforeAll(async () => {
  world = await createWorld({ timing: { tryMs: tries(30_000) } })
  const server = new URL(inject('postgresUrl'))
  database = await startProxy({ host: server.hostname, port: Number(server.port) })
  holding = holdingMappers(world.deps.mappers)
  await world.worker({
    mappers: holding.mappers,
    async resolveSecret(reference) {
      const secret = await world.deps.resolveSecret(reference)
      return reference === 'env:FREEHOLD_WAREHOUSE_URL' ? database.through(secret) : secret
    },
  })
})
afterAll(async () => {
  await world.close()
  await database.stop()
})

const thereAndBack = passages.filter(({ undone }) => undone !== undefined)
type Disturbed = { passage: Passage; tenant: SeenTenant; operation: SeenOperation; goOn: () => void }

async function halfWay(passage: Passage, kind: string): Promise<Disturbed> {
  const hold = Promise.withResolvers<ReturnType<typeof holding.hold>>()
  const slug = `${kind}-${passage.name.replaceAll(' ', '-')}`
  const entered = await enter(world, passage, slug, (tenant) =>
    hold.resolve(holding.hold(tenant, ({ target }) => target.spec.kind === kind)),
  )
  const { reached, goOn } = await hold.promise
  await reached
  return { passage, ...entered, goOn }
}

describe.each([
  { kind: 'topic', down: () => world.bus.stop(), up: () => world.bus.start() },
  { kind: 'database', down: () => database.cut(), up: () => database.resume() },
])('the server of $kind', { timeout: 180_000 }, ({ kind, down, up }) => {
  it('is waited for a bounded time, and what could not be undone without it is brought to its end by a retry', async () => {
    const disturbed = await Promise.all(thereAndBack.map((passage) => halfWay(passage, kind)))
    await down()
    for (const { goOn } of disturbed) goOn()
    for (const { passage, tenant, operation } of disturbed) {
      const { error, state } = await world.until(operation.id, 'failed', 'succeeded', 'interrupted')
      expect([passage.name, state, error?.code]).toEqual([passage.name, 'failed', 'substrate_unavailable'])
      expect(error?.unresolved?.some((key) => key.includes(kind))).toBe(true)
      const { state: now, conditions } = await standing(world, tenant)
      expect([now, conditions]).toEqual([
        passage.undone?.state,
        ['NeedsAttention', ...(passage.undone?.conditions ?? [])],
      ])
    }
    await up()
    await Promise.all(
      disturbed.map(async ({ passage, tenant, operation }) => {
        const { status } = await world.request('POST', `/v1/tenants/${tenant.slug}/retry`, {})
        expect([passage.name, status]).toEqual([passage.name, 202])
        const { state, error } = await world.until(operation.id, 'succeeded', 'failed', 'interrupted')
        expect([passage.name, state, error]).toEqual([passage.name, 'succeeded', null])
        // Where something was left, its placement is kept, and is the one that is gone on with.
        await expectSight(world, tenant, passage.done)
      }),
    )
  })
})
