import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { boundaries, brokenEnvironment } from '../../support/boundaries.ts'
import { killWorkerAndGoOn, type Doomed } from '../../support/killed-worker.ts'
import { eventCounts, remainsOf, whole } from '../../support/remains.ts'
import { tries } from '../../support/timing.ts'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** A worker killed by SIGKILL at every boundary of an update: nothing is doubled, and nothing is left. */
let world: World
beforeAll(async () => {
  world = await createWorld({ timing: { tryMs: tries(30_000), maximumAttempts: 20 } })
})
afterAll(() => world.close())

const named = (...names: string[]) => ({ plan: 'free', environments: names.map((name) => ({ name })) })

/** As many tenants as there are boundaries, each with an update under way that is to be cut there. */
async function updating(slug: string, at: readonly string[], end: Doomed['end'], change: [object, object]) {
  const [before, after] = change
  const made = await Promise.all(at.map((_, index) => world.apply(`${slug}-${index}`, before)))
  const worker = await world.worker()
  for (const { operation } of made) await world.until(operation.id, 'succeeded')
  await worker.stop()
  return Promise.all(
    made.map(async ({ tenant }, index) => {
      const { body } = await world.request('PUT', `/v1/tenants/${tenant.slug}`, manifest(tenant.slug, after))
      const operation = (body['operation'] as SeenOperation).id
      return { boundary: at[index] as string, tenant, operation, end }
    }),
  )
}

const limits = async ({ id }: SeenTenant) => {
  const [row] = await sqlOf(world.deps.orm.pool)<{ limit: string; isBeing: boolean }>({
    text: `select facts ->> 'connectionLimit' as limit, spec_before is not null as "isBeing" from resources
      where tenant_id = $1 and key = 'prod/1/database'`,
    values: [id],
  })
  return row
}

it('that adds, changes and removes', { timeout: 240_000 }, async () => {
  const change: [object, object] = [named('prod', 'old'), { ...named('prod', 'new'), plan: 'pro' }]
  const doomed = await updating('forward', boundaries.update, 'succeeded', change)
  await killWorkerAndGoOn(world, doomed)
  for (const { tenant, boundary } of doomed) {
    const [prod, added] = [whole(tenant), whole(tenant, 'new')]
    expect({ boundary, is: await remainsOf(world, tenant) }).toMatchObject({
      boundary,
      is: {
        schemas: [...added.schemas, ...prod.schemas],
        sides: ['new/1 active', 'prod/1 active'],
        topics: expect.arrayContaining([...added.topics, ...prod.topics]),
        ledger: [...added.ledger, ...prod.ledger],
      },
    })
    expect({ boundary, is: await limits(tenant) }).toEqual({ boundary, is: { limit: '20', isBeing: false } })
    expect({ boundary, is: await eventCounts(world, tenant) }).toMatchObject({
      boundary,
      is: {
        TENANCY_MANIFEST_IN_FORCE: 1,
        TENANCY_RESOURCE_CREATED: 18,
        TENANCY_RESOURCE_CLOSED: 6,
        TENANCY_RESOURCE_REMOVED: 6,
        TENANCY_SCHEMA_MIGRATED: 3,
      },
    })
  }
})

it('that fails and is undone', { timeout: 240_000 }, async () => {
  const change: [object, object] = [named('prod'), { ...named('prod', brokenEnvironment), plan: 'pro' }]
  const doomed = await updating('undone', boundaries.undo, 'failed', change)
  await killWorkerAndGoOn(world, doomed)
  for (const { tenant, boundary } of doomed) {
    expect({ boundary, is: await remainsOf(world, tenant) }).toEqual({ boundary, is: whole(tenant) })
    expect({ boundary, is: await limits(tenant) }).toEqual({ boundary, is: { limit: '5', isBeing: false } })
    expect({ boundary, is: await world.tenant(tenant.slug) }).toMatchObject({
      boundary,
      is: {
        state: 'active',
        observedGeneration: 1,
        conditions: [{ type: 'UpdateFailed' }],
      },
    })
  }
})
