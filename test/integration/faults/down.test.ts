import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { ResourceKind } from '../../../domain/resources.ts'
import { lifecycle } from '../../../domain/lifecycle.ts'
import { createRuntimeMapper } from '../../../isolation/mappers/runtime.ts'
import { holdingMappers } from '../../support/holds.ts'
import { startProxy, type Proxy } from '../../support/proxy.ts'
import { tries } from '../../support/timing.ts'
import { enter, expectSight, passages, standing, type Passage } from '../../support/transitions.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** Every transition, with one collaborator down for a while in its middle: it says so meanwhile, goes on, and ends right. */
let world: World
let holding: ReturnType<typeof holdingMappers>
let database: Proxy
let temporal: Proxy
beforeAll(async () => {
  // Long tries, and as many as it takes: how many there are is the subject of another test.
  world = await createWorld({ timing: { tryMs: tries(30_000), maximumAttempts: 1_000 } })
  const [host = '', port] = inject('temporalAddress').split(':')
  temporal = await startProxy({ host, port: Number(port) })
  const server = new URL(inject('postgresUrl'))
  database = await startProxy({ host: server.hostname, port: Number(server.port) })
  const runtime = createRuntimeMapper({ address: `127.0.0.1:${temporal.port}` })
  holding = holdingMappers({ ...world.deps.mappers, runtime })
  await world.worker({
    mappers: holding.mappers,
    async resolveSecret(reference) {
      const secret = await world.deps.resolveSecret(reference)
      return reference === 'env:FREEHOLD_WAREHOUSE_URL' ? database.through(secret) : secret
    },
  })
  return async () => {
    await world.close()
    await runtime.close()
  }
})
afterAll(async () => {
  await database.stop()
  await temporal.stop()
})

const folder = (name: string) => join(world.environment.FREEHOLD_STATE_DIR, name)
type Collaborator = {
  kind: ResourceKind
  down: () => Promise<unknown>
  up: () => Promise<unknown>
  /** The profile whose transitions all need it, where that is not the shared one. */
  profile?: 'st-dedicated'
}
const collaborators: Record<string, Collaborator> = {
  'the tenant database': { kind: 'database', down: () => database.cut(), up: () => database.resume() },
  'the bus': { kind: 'topic', down: () => world.bus.stop(), up: () => world.bus.start() },
  'the object store': {
    kind: 'object-store',
    down: () => rename(folder('objects'), folder('objects.gone')),
    up: () => rename(folder('objects.gone'), folder('objects')),
  },
  // What is shared there has no door of its own.
  'the namespace of workloads': {
    kind: 'runtime',
    down: () => temporal.cut(),
    up: () => temporal.resume(),
    profile: 'st-dedicated',
  },
}

type Disturbed = { passage: Passage; tenant: SeenTenant; operation: SeenOperation; goOn: () => void }

/** A tenant that has come to its first verb of this kind. */
async function halfWay(passage: Passage, { kind, profile }: Collaborator): Promise<Disturbed> {
  const hold = Promise.withResolvers<ReturnType<typeof holding.hold>>()
  const slug = `${kind}-${passage.name.replaceAll(/update that |\W/g, '')}`
  const spec = { ...passage.spec, ...(profile === undefined ? {} : { profile }) }
  const changed = { ...passage.changed, ...(profile === undefined ? {} : { profile }) }
  const entered = await enter(world, { ...passage, spec, changed }, slug, (tenant) =>
    hold.resolve(holding.hold(tenant, ({ target }) => target.spec.kind === kind)),
  )
  const { reached, goOn } = await hold.promise
  await reached
  return { passage, ...entered, goOn }
}

async function expectStanding(tenant: SeenTenant, { done }: Passage): Promise<void> {
  expect(await standing(world, tenant)).toEqual({ state: done.state, conditions: [] })
}

/** Whether the steps that are under way then only go forward, so that somebody is to be told. */
const onlyForward = ({ kind, undone }: Passage) =>
  lifecycle[kind].cannotFinish === 'goes-forward' || (kind === 'update' && undone === undefined)

describe.each(Object.entries(collaborators))('%s that is down for a while', { timeout: 180_000 }, (_, collaborator) => {
  const { kind } = collaborator
  const touched = passages.filter(
    (passage) => passage.kind !== 'rotate-credentials' || kind === 'database' || kind === 'topic',
  )
  let disturbed: Disturbed[]
  beforeAll(async () => {
    disturbed = await Promise.all(touched.map((passage) => halfWay(passage, collaborator)))
    await collaborator.down()
    for (const { goOn } of disturbed) goOn()
  })
  afterAll(() => collaborator.up().catch(() => undefined))

  const seen = async ({ operation, tenant }: Disturbed) => {
    const { state, error } = await world.operation(operation.id)
    const { conditions } = await standing(world, tenant)
    return { state, code: error?.code, isOfKind: error?.step?.includes(kind), conditions }
  }

  it('is told of, by what waits for it', async () => {
    for (const one of disturbed)
      await expect
        .poll(() => seen(one), { timeout: 90_000, interval: 200, message: one.passage.name })
        .toEqual({
          state: 'running',
          code: 'substrate_unavailable',
          isOfKind: true,
          conditions: onlyForward(one.passage) ? ['NeedsAttention'] : [],
        })
  })

  it('holds up no other door, and opens none', async () => {
    for (const one of disturbed.filter(({ passage }) => passage.kind === 'suspend' || passage.kind === 'delete')) {
      const waiting = async () => {
        const { steps } = await world.operation(one.operation.id)
        return [...new Set(steps.filter(({ state }) => state !== 'done').map(({ key }) => key.split('/').at(-2)))]
      }
      await expect.poll(waiting, { timeout: 90_000, interval: 200, message: one.passage.name }).toEqual([kind])
      const { body } = await world.request('GET', `/v1/tenants/${one.tenant.slug}/context?environment=prod`)
      expect(body).toMatchObject(one.passage.kind === 'suspend' ? { state: 'suspending', epoch: 2 } : {})
    }
  })

  it('is found again when it is back, and all of them end as they should', async () => {
    await collaborator.up()
    for (const { passage, tenant, operation } of disturbed) {
      const ended = await world.until(operation.id, 'succeeded', 'failed', 'aborted', 'interrupted')
      expect({ name: passage.name, ...ended }).toMatchObject({
        name: passage.name,
        state: 'succeeded',
        attempt: 1,
        error: null,
      })
      if (collaborator.profile === undefined) await expectSight(world, tenant, passage.done)
      else await expectStanding(tenant, passage)
    }
  })
})
