import { spawn } from 'node:child_process'
import { once } from 'node:events'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operationStarter } from '../../../base/temporal.ts'
import { testTiming } from '../../support/timing.ts'
import { createWorld, manifest, type World } from '../../support/world.ts'

const boundaries = [
  'begin',
  'ensure prod/secrets',
  'ensure prod/1/database',
  'ensure prod/object-store',
  'ensure prod/runtime',
  'ensure prod/1/network',
  'ensure prod/topic',
  'migrate prod/1/database/schema',
  'settle',
]

/** A worker killed by SIGKILL between the effect of an activity and its answer: another takes over, nothing is doubled. */
describe.concurrent('a worker killed after', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.close())

  it.each(boundaries)('%s', async (boundary) => {
    const slug = `killed-${boundary.replaceAll(/[^a-z]+/g, '-').slice(-20)}`
    const taskQueue = `${world.name}-${slug}`
    const starter = operationStarter(world.client, { taskQueue, timing: testTiming })
    const doomed = spawn(process.execPath, [new URL('../../support/doomed-worker.ts', import.meta.url).pathname], {
      env: { PATH: process.env['PATH'], ...world.environment, DOOMED_AT: boundary, DOOMED_QUEUE: taskQueue },
      stdio: 'ignore',
    })
    const died = once(doomed, 'exit')
    const accepted = await world.request('POST', '/v1/tenants', manifest(slug), {}, world.api({ starter }))
    expect(accepted.status).toBe(202)
    expect(await died).toEqual([null, 'SIGKILL'])
    await world.worker({}, taskQueue)
    const { operation, tenant } = accepted.body as { operation: { id: string }; tenant: { id: string; code: string } }
    await world.until(operation.id, 'succeeded')
    expect(await world.tenant(slug)).toMatchObject({ state: 'active' })
    const { body } = await world.request('GET', `/v1/tenants/${slug}/resources`)
    expect((body['items'] as { key: string; state: string }[]).map(({ key, state }) => `${key} ${state}`)).toEqual([
      'prod/1/database present',
      'prod/1/network present',
      'prod/object-store present',
      'prod/runtime present',
      'prod/secrets present',
      'prod/topic present',
    ])
    expect(await world.bus.topics()).toContain(`tenant-${tenant.code}-prod`)
    const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
    await admin.connect()
    try {
      const { rows } = await admin.query(
        `select (select count(*)::int from pg_roles where rolname like $1) as roles, (select count(*)::int from tenancy.placement where tenant = $2) as placements`,
        [`t\\_${tenant.code}\\_%`, tenant.id],
      )
      expect(rows).toEqual([{ roles: 2, placements: 1 }])
    } finally {
      await admin.end()
    }
    const events = (await world.request('GET', `/v1/tenants/${slug}/events?limit=200`)).body['items'] as {
      type: string
    }[]
    for (const once_ of ['TENANCY_OPERATION_SUCCEEDED', 'TENANCY_SCHEMA_MIGRATED', 'TENANCY_OPERATION_STARTED'])
      expect(events.filter(({ type }) => type === once_)).toHaveLength(1)
    expect(events.filter(({ type }) => type === 'TENANCY_RESOURCE_CREATED')).toHaveLength(6)
  })
})
