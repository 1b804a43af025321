import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sqlOf } from '../../../registry/pool.ts'
import { boundaries, brokenEnvironment } from '../../support/boundaries.ts'
import { killWorkerAndGoOn, type Doomed } from '../../support/killed-worker.ts'
import { eventCounts, nothing, remainsOf, whole } from '../../support/remains.ts'
import { closed, doors, open } from '../../support/doors.ts'
import { tries } from '../../support/timing.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** Long tries, so that what takes a step up again is the silence of the dead worker. */
const timing = { tryMs: tries(30_000) }

/**
 * A worker killed by SIGKILL in the middle of many operations, each at another boundary: another worker ends them, nothing
 * is doubled and nothing is left.
 */
describe('a worker killed at every boundary', { timeout: 240_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld({ timing })
  })
  afterAll(() => world.close())

  const killAndGoOn = (doomed: readonly Doomed[]) => killWorkerAndGoOn(world, doomed)

  const provisioned: SeenTenant[] = []

  it('of a provision, and of the undo of one that fails', async () => {
    const accept = (slug: string, spec: object, end: Doomed['end']) => async (boundary: string, index: number) => {
      const { tenant, operation } = await world.apply(`${slug}-${index}`, spec)
      return { boundary, tenant, operation: operation.id, end }
    }
    const made = await Promise.all(boundaries.provision.map(accept('made', {}, 'succeeded')))
    const undone = await Promise.all(
      boundaries.undo.map(accept('undone', { environments: [{ name: brokenEnvironment }] }, 'failed')),
    )
    await killAndGoOn([...made, ...undone])
    provisioned.push(...made.map(({ tenant }) => tenant))

    const once_ = {
      TENANCY_KEY_CREATED: 1,
      TENANCY_OPERATION_ACCEPTED: 1,
      TENANCY_OPERATION_STARTED: 1,
      TENANCY_RESOURCE_CREATED: 6,
      TENANCY_RESOURCE_PLANNED: 6,
      TENANCY_STATE_CHANGED: 1,
      TENANCY_TENANT_ACCEPTED: 1,
    }
    for (const { tenant, boundary } of made) {
      expect(await remainsOf(world, tenant), `${boundary}`).toEqual(whole(tenant))
      expect(await eventCounts(world, tenant), `${boundary}`).toEqual({
        ...once_,
        TENANCY_OPERATION_SUCCEEDED: 1,
        TENANCY_PLACEMENT_CHANGED: 1,
        TENANCY_SCHEMA_MIGRATED: 1,
      })
      expect(await world.tenant(tenant.slug), `${boundary}`).toMatchObject({ state: 'active' })
    }
    for (const { tenant, boundary, operation } of undone) {
      expect(await remainsOf(world, tenant), `${boundary}`).toEqual(nothing)
      expect(await eventCounts(world, tenant), `${boundary}`).toEqual({
        ...once_,
        TENANCY_OPERATION_FAILED: 1,
        TENANCY_RESOURCE_REMOVED: 6,
      })
      expect((await world.operation(operation)).error, `${boundary}`).toEqual({
        code: 'migration_failed',
        message: 'this environment is broken',
        step: `${brokenEnvironment}/1/database/schema`,
      })
    }
  })

  it('of a rotation', async () => {
    const credentials = async ({ slug }: SeenTenant) =>
      (await world.request('POST', `/v1/tenants/${slug}/credentials`, {})).body as {
        database: { url: string }
        bus: { connectionString: string }
      }
    const doomed = await Promise.all(
      boundaries['rotate-credentials'].map(async (boundary, index) => {
        const tenant = provisioned[index] as SeenTenant
        const before = await credentials(tenant)
        const { body } = await world.request('POST', `/v1/tenants/${tenant.slug}/credentials`, { rotate: true })
        return {
          boundary,
          tenant,
          operation: (body['operation'] as SeenOperation).id,
          before,
          end: 'succeeded' as const,
        }
      }),
    )
    await killAndGoOn(doomed)
    for (const { tenant, boundary, before } of doomed) {
      const after = await credentials(tenant)
      expect(await canLogIn(before.database.url), `${boundary}`).toBe(false)
      expect(await canLogIn(after.database.url), `${boundary}`).toBe(true)
      const [topic] = await topicsOf(tenant)
      expect(after.bus.connectionString, `${boundary}`).not.toBe(before.bus.connectionString)
      expect(after.bus.connectionString, `${boundary}`).toContain(topic)
      expect((await eventCounts(world, tenant))['TENANCY_CREDENTIALS_ROTATED'], `${boundary}`).toBe(2)
      expect(await remainsOf(world, tenant), `${boundary}`).toEqual(whole(tenant))
    }
  })

  /** Keys that are in force at the tenant's topics. */
  async function topicsOf({ code }: SeenTenant): Promise<string[]> {
    const { authorizationRules = [] } = await world.bus.administration.getTopic(`tenant-${code}-prod`)
    return authorizationRules.map((rule) => String((rule as { primaryKey?: string }).primaryKey))
  }

  async function canLogIn(url: string): Promise<boolean> {
    const client = new pg.Client({ connectionString: url })
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  }

  it('of a suspend, a resume, a delete and an undelete', async () => {
    const counted = async (tenant: SeenTenant) => {
      const counts = await eventCounts(world, tenant)
      return ['TENANCY_RESOURCE_CLOSED', 'TENANCY_RESOURCE_OPENED'].map((type) => counts[type] ?? 0)
    }
    const carriedOut = async (kind: 'suspend' | 'resume' | 'delete' | 'undelete', end: object) => {
      const doomed = await Promise.all(
        boundaries[kind].map(async (boundary, index) => {
          const tenant = provisioned[index] as SeenTenant
          const before = await counted(tenant)
          const { body } = await world.request('POST', `/v1/tenants/${tenant.slug}/${kind}`, {})
          const operation = (body['operation'] as SeenOperation).id
          return { boundary, tenant, operation, before, end: 'succeeded' as const }
        }),
      )
      await killAndGoOn(doomed)
      for (const { tenant, boundary, before } of doomed) {
        expect(await doors(world, tenant), `${kind} ${boundary}`).toEqual(end)
        const [closes = 0, opens = 0] = before
        const closing = kind === 'suspend' || kind === 'delete'
        expect(await counted(tenant), `${kind} ${boundary}`).toEqual(
          closing ? [closes + 6, opens] : [closes, opens + 6],
        )
      }
    }
    await carriedOut('suspend', closed)
    await carriedOut('resume', open)
    await carriedOut('delete', { ...closed, tenant: 'soft-deleted' })
    await carriedOut('undelete', open)
  })

  it('of a purge', async () => {
    const ids = provisioned.map(({ id }) => id)
    await sqlOf(world.deps.orm.pool)({
      text: `update tenants set state = 'soft-deleted' where id = any ($1)`,
      values: [ids],
    })
    const doomed = await Promise.all(
      boundaries.purge.map(async (boundary, index) => {
        const tenant = provisioned[index] as SeenTenant
        const { body } = await world.request('POST', `/v1/tenants/${tenant.slug}/purge`, { confirm: tenant.slug })
        return { boundary, tenant, operation: (body['operation'] as SeenOperation).id, end: 'succeeded' as const }
      }),
    )
    await killAndGoOn(doomed)
    for (const { tenant, boundary } of doomed) {
      expect(await remainsOf(world, tenant), `${boundary}`).toEqual(nothing)
      const counts = await eventCounts(world, tenant)
      expect([counts['TENANCY_RESOURCE_REMOVED'], counts['TENANCY_KEY_DESTROYED']], `${boundary}`).toEqual([6, 1])
    }
  })
})
