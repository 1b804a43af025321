import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { eventCounts, remainsOf, whole, wholeOf } from '../../support/remains.ts'
import { aroundVerbs, type Around } from '../../support/verbs.ts'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** A changed manifest: only what differs is touched, and the manifest before stays in force until all of it worked. */
let world: World
let migrationsDir: string
const add = (version: string, sql: string) => {
  mkdirSync(join(migrationsDir, version))
  writeFileSync(join(migrationsDir, version, '001-table.sql'), sql)
}
beforeAll(async () => {
  migrationsDir = mkdtempSync(join(tmpdir(), 'freehold-migrations-'))
  add('1.0.0', 'create table first (id int)')
  add('2.0.0', 'create table second (id int)')
  add('3.0.0', 'insert into nowhere values (1)')
  world = await createWorld({
    migrationsDir,
    platform: (text) => text.replace('regions:\n', 'regions:\n  - name: eu-central\n    residency: eu\n'),
  })
})
afterAll(async () => {
  await world.close()
  rmSync(migrationsDir, { recursive: true, force: true })
})

const first = { plan: 'free', schema: { appVersion: '1.0.0' } }
const two = { ...first, environments: [{ name: 'prod' }, { name: 'staging' }] }

async function provisioned(slug: string, spec: object = first): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug, spec)
  await world.until(operation.id, 'succeeded')
  return tenant
}
const put = (slug: string, spec: object, headers: Record<string, string> = {}) =>
  world.request('PUT', `/v1/tenants/${slug}`, manifest(slug, spec), headers)
async function update(slug: string, spec: object): Promise<SeenOperation & { kind: string; generation: number }> {
  const { status, body } = await put(slug, spec)
  expect([status, body]).toEqual([202, expect.objectContaining({ changed: true })])
  return body['operation'] as SeenOperation & { kind: string; generation: number }
}
async function command(slug: string, name: string): Promise<SeenOperation> {
  const { status, body } = await world.request('POST', `/v1/tenants/${slug}/${name}`, {})
  expect([status, body]).toEqual([202, expect.anything()])
  return body['operation'] as SeenOperation
}
const context = async (slug: string, environment = 'prod') =>
  (await world.request('GET', `/v1/tenants/${slug}/context?environment=${environment}`)).body
const sql = <T extends object>(text: string, values: unknown[] = []) => sqlOf(world.deps.orm.pool)<T>({ text, values })
/** Places that are taken, of cells and buses. */
const used = () => sql('select name, used from cells union all select name, used from buses order by name')
const placements = async ({ id }: SeenTenant) =>
  (
    await sql<{ text: string }>(
      `select environment || '/' || number || ' ' || state as text from placements where tenant_id = $1 order by 1`,
      [id],
    )
  ).map(({ text }) => text)

/** A worker on which something goes wrong, or waits, for as long as it is wanted. */
const workerWith = (around: Around) => world.worker({ mappers: aroundVerbs(world.deps.mappers, around) })

async function connectionLimit({ code }: SeenTenant): Promise<number | undefined> {
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  const { rows } = await admin.query<{ limit: number }>(
    'select rolconnlimit as limit from pg_roles where rolname = $1',
    [`t_${code}_prod_1_app`],
  )
  await admin.end()
  return rows[0]?.limit
}

describe('that works', () => {
  let worker: Awaited<ReturnType<World['worker']>>
  beforeAll(async () => {
    worker = await world.worker()
  })
  afterAll(() => worker.stop())

  it('changes the registry alone where no resource differs, and touches none', async () => {
    const tenant = await provisioned('plain')
    const before = await eventCounts(world, tenant)
    const changed = { ...first, features: { search: true }, settings: { theme: 'dark' } }
    const operation = await update('plain', changed)
    expect(operation).toMatchObject({ kind: 'update', generation: 2 })
    expect((await world.until(operation.id, 'succeeded')).steps).toEqual([])
    expect(await context('plain')).toMatchObject({ features: { search: true }, settings: { theme: 'dark' }, epoch: 1 })
    expect(await world.tenant('plain')).toMatchObject({ state: 'active', generation: 2, observedGeneration: 2 })
    expect(await eventCounts(world, tenant)).toEqual({
      ...before,
      TENANCY_MANIFEST_ACCEPTED: 1,
      TENANCY_MANIFEST_IN_FORCE: 1,
      TENANCY_OPERATION_ACCEPTED: 2,
      TENANCY_OPERATION_STARTED: 2,
      TENANCY_OPERATION_SUCCEEDED: 2,
    })
    expect(await put('plain', changed)).toMatchObject({ status: 200, body: { changed: false, operation: null } })
  })

  it('brings what differs to its new properties, and nothing else', async () => {
    const tenant = await provisioned('plan')
    const limit = await connectionLimit(tenant)
    const operation = await world.until((await update('plan', { ...first, plan: 'pro' })).id, 'succeeded')
    expect(operation.steps.map(({ key, state }) => [key, state])).toEqual([
      ['prod/1/database', 'done'],
      ['prod/runtime', 'done'],
    ])
    expect(await connectionLimit(tenant)).toBeGreaterThan(limit ?? 0)
    expect(await world.tenant('plan')).toMatchObject({ plan: 'pro' })
    expect(await context('plan')).toMatchObject({ plan: 'pro' })
    expect((await eventCounts(world, tenant))['TENANCY_RESOURCE_CHANGED']).toBe(2)
  })

  it('touches the share of the runtime for another quota', async () => {
    await provisioned('quota')
    const operation = await update('quota', { ...first, quotas: { concurrentTasks: 1 } })
    const { steps } = await world.until(operation.id, 'succeeded')
    expect(steps.map(({ key }) => key)).toEqual(['prod/runtime'])
    expect(await context('quota')).toMatchObject({ quotas: { concurrentTasks: 1 } })
  })

  it('adds an environment, and removes it again with its places', async () => {
    const tenant = await provisioned('environments')
    const before = await used()
    await world.until((await update('environments', two)).id, 'succeeded')
    expect(await remainsOf(world, tenant)).toEqual(wholeOf(tenant, ['prod', 'staging']))
    expect(await context('environments', 'staging')).toMatchObject({ state: 'active', environment: 'staging' })
    expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 active'])

    const removal = await world.until((await update('environments', first)).id, 'succeeded')
    expect(removal.steps.map(({ state }) => state)).toEqual([...Array(6).fill('done'), ...Array(6).fill('undone')])
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 released'])
    expect(await context('environments', 'staging')).toMatchObject({ code: 'environment_not_found' })
    expect(await used()).toEqual(before)

    // Under a number of its own, for the first has left a tombstone.
    await world.until((await update('environments', two)).id, 'succeeded')
    expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 released', 'staging/2 active'])
  })

  it('raises the schema, and never takes it back', async () => {
    const tenant = await provisioned('schema')
    const operation = await update('schema', { ...first, schema: { appVersion: '2.0.0' } })
    const { steps } = await world.until(operation.id, 'succeeded')
    expect(steps.map(({ key }) => key)).toEqual(['prod/1/database/schema'])
    expect((await eventCounts(world, tenant))['TENANCY_SCHEMA_MIGRATED']).toBe(2)
    const back = await put('schema', first)
    expect(back).toMatchObject({ status: 422, body: { code: 'field_immutable' } })
    expect(back.body).toMatchObject({ errors: [{ path: 'spec.schema.appVersion', remedy: expect.any(String) }] })
    expect(await world.tenant('schema')).toMatchObject({ generation: 2, observedGeneration: 2 })
  })

  it('of a suspended tenant: a new environment is born closed, and resume opens it', async () => {
    const tenant = await provisioned('suspended')
    await world.until((await command('suspended', 'suspend')).id, 'succeeded')
    await world.until((await update('suspended', two)).id, 'succeeded')
    expect(await world.tenant('suspended')).toMatchObject({ state: 'suspended', observedGeneration: 2 })
    expect(await remainsOf(world, tenant)).toEqual(wholeOf(tenant, ['prod', 'staging'], 'suspended'))
    expect(await placements(tenant)).toEqual(['prod/1 suspended', 'staging/1 suspended'])
    await world.until((await command('suspended', 'resume')).id, 'succeeded')
    expect(await remainsOf(world, tenant)).toEqual(wholeOf(tenant, ['prod', 'staging']))
    expect(await context('suspended', 'staging')).toMatchObject({ state: 'active' })
  })

  it('is accepted once of many at the same time, and at the generation that If-Match asks for', async () => {
    await provisioned('concurrent')
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((theme) => put('concurrent', { ...first, settings: { theme } })),
    )
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([202, 409, 409, 409])
    expect(answers.filter(({ status }) => status === 409).map(({ body }) => body['code'])).toEqual(
      Array(3).fill('operation_in_progress'),
    )
    const accepted = answers.find(({ status }) => status === 202)?.body['operation']
    await world.until((accepted as SeenOperation).id, 'succeeded')
    expect(await world.tenant('concurrent')).toMatchObject({ generation: 2, observedGeneration: 2 })
    const late = await put('concurrent', { ...first, plan: 'pro' }, { 'if-match': '"1"' })
    expect(late).toMatchObject({ status: 412, body: { code: 'generation_mismatch' } })
    expect(await put('concurrent', { ...first, plan: 'pro' }, { 'if-match': '"2"' })).toMatchObject({
      status: 202,
    })
  })
})

describe('that fails', () => {
  it('leaves the manifest before in force, tells so, and takes back what it made and changed', async () => {
    const worker = await world.worker()
    const tenant = await provisioned('broken')
    const [limit, before] = [await connectionLimit(tenant), await used()]
    const wish = { ...two, plan: 'pro', schema: { appVersion: '3.0.0' }, settings: { theme: 'dark' } }
    const failed = await world.until((await update('broken', wish)).id, 'failed')
    expect(failed.error).toMatchObject({ code: 'migration_failed' })
    expect(failed.error?.unresolved).toBeUndefined()
    expect(await world.tenant('broken')).toMatchObject({
      state: 'active',
      plan: 'free',
      generation: 2,
      observedGeneration: 1,
      conditions: [{ type: 'UpdateFailed', reason: 'migration_failed' }],
    })
    expect(await connectionLimit(tenant)).toBe(limit)
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 released'])
    expect(await used()).toEqual(before)
    expect(await context('broken')).toMatchObject({ plan: 'free', settings: {} })
    expect(
      await sql('select key from resources where tenant_id = $1 and spec_before is not null', [tenant.id]),
    ).toEqual([])

    // Not in force, so it is tried again; and back to the one before is another generation.
    const again = await update('broken', wish)
    expect(again).toMatchObject({ generation: 3 })
    await world.until(again.id, 'failed')
    const back = await update('broken', first)
    expect((await world.until(back.id, 'succeeded')).steps).toEqual([])
    expect(await world.tenant('broken')).toMatchObject({ generation: 4, observedGeneration: 4, conditions: [] })
    await worker.stop()
  })

  it('can be tried again as it was, with a place for its new environment', async () => {
    let refuses = true
    const worker = await workerWith(async ({ action, target }, run) => {
      if (refuses && action === 'ensure' && target.spec.key === 'staging/topic')
        throw new FreeholdError('configuration_invalid', 'the bus does not know us')
      return run()
    })
    const tenant = await provisioned('retried')
    const operation = await update('retried', two)
    await world.until(operation.id, 'failed')
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    refuses = false
    expect((await command('retried', 'retry')).id).toBe(operation.id)
    await world.until(operation.id, 'succeeded')
    expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 released', 'staging/2 active'])
    expect(await world.tenant('retried')).toMatchObject({ observedGeneration: 2, conditions: [] })
    await worker.stop()
  })

  it('says what it could not put back, and the next one brings it to what is wanted', async () => {
    let refuses = true
    const worker = await workerWith(async ({ action, target }, run) => {
      const isOld = target.spec.kind === 'database' && target.spec.properties.connectionLimit === 5
      if (refuses && action === 'ensure' && target.spec.key === 'prod/runtime')
        throw new FreeholdError('configuration_invalid', 'no runtime today')
      if (refuses && action === 'ensure' && isOld && target.spec.key === 'prod/1/database')
        throw new FreeholdError('configuration_invalid', 'no way back today')
      return run()
    })
    refuses = false
    const tenant = await provisioned('not-put-back')
    const limit = await connectionLimit(tenant)
    expect(limit).toBe(5)
    refuses = true
    const failed = await world.until((await update('not-put-back', { ...first, plan: 'pro' })).id, 'failed')
    expect(failed.error?.unresolved).toEqual(['prod/1/database', 'prod/runtime'])
    expect((await world.tenant('not-put-back')).conditions.map(({ type }) => type)).toEqual([
      'NeedsAttention',
      'UpdateFailed',
    ])
    refuses = false
    const back = await world.until((await update('not-put-back', first)).id, 'succeeded')
    expect(back.steps.map(({ key }) => key)).toEqual(['prod/1/database', 'prod/runtime'])
    expect(await connectionLimit(tenant)).toBe(limit)
    expect((await world.tenant('not-put-back')).conditions).toEqual([])
    await worker.stop()
  })

  it('is undone by an abort while it goes on', async () => {
    const reached = Promise.withResolvers<undefined>()
    const goOn = Promise.withResolvers<undefined>()
    const worker = await workerWith(async ({ action, target }, run) => {
      if (action === 'ensure' && target.spec.key === 'staging/topic') {
        reached.resolve(undefined)
        await goOn.promise
      }
      return run()
    })
    const tenant = await provisioned('aborted')
    const operation = await update('aborted', two)
    await reached.promise
    // One that is about to be added is not told of yet.
    expect(await context('aborted', 'staging')).toMatchObject({ code: 'environment_not_found' })
    await command('aborted', 'abort')
    goOn.resolve(undefined)
    await world.until(operation.id, 'aborted')
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    expect(await world.tenant('aborted')).toMatchObject({
      state: 'active',
      observedGeneration: 1,
      conditions: [{ type: 'UpdateFailed', reason: 'operation_aborted' }],
    })
    await worker.stop()
  })
})

describe('that removes', () => {
  it('only goes forward once its manifest is in force: it stalls, is not undone, and a retry ends it', async () => {
    let refuses = true
    const worker = await workerWith(async ({ action, target }, run) => {
      if (refuses && action === 'remove' && target.spec.kind === 'topic')
        throw new FreeholdError('configuration_invalid', 'the bus does not know us')
      return run()
    })
    const tenant = await provisioned('removing', two)
    const operation = await update('removing', first)
    await world.until(operation.id, 'interrupted')
    expect(await world.tenant('removing')).toMatchObject({
      state: 'active',
      observedGeneration: 2,
      conditions: [{ type: 'NeedsAttention' }],
    })
    expect(await context('removing', 'staging')).toMatchObject({ code: 'environment_not_found' })
    expect(await context('removing')).toMatchObject({ state: 'active', epoch: 1 })
    const abort = await world.request('POST', '/v1/tenants/removing/abort', {})
    expect(abort).toMatchObject({ status: 409, body: { code: 'transition_not_allowed' } })
    expect((await remainsOf(world, tenant)).topics).toHaveLength(2)
    refuses = false
    await command('removing', 'retry')
    const ended = await world.until(operation.id, 'succeeded')
    expect(ended.attempt).toBe(2)
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 released'])
    expect(await world.tenant('removing')).toMatchObject({ conditions: [] })
    await worker.stop()
  })

  it('removes nothing when what comes before fails', async () => {
    const worker = await world.worker()
    const tenant = await provisioned('kept', two)
    const failed = await update('kept', { ...first, schema: { appVersion: '3.0.0' } })
    await world.until(failed.id, 'failed')
    expect(await remainsOf(world, tenant)).toEqual(wholeOf(tenant, ['prod', 'staging']))
    expect(await context('kept', 'staging')).toMatchObject({ state: 'active', epoch: 1 })
    await worker.stop()
  })
})

it('what cannot change is refused with what to do instead, and nothing changes', async () => {
  const worker = await world.worker()
  await provisioned('fixed')
  await worker.stop()
  const { status, body } = await put('fixed', { ...first, region: 'eu-central' })
  expect([status, body]).toEqual([422, expect.objectContaining({ code: 'field_immutable' })])
  expect(body).toMatchObject({ errors: [{ path: 'spec.region', remedy: expect.stringContaining('new tenant') }] })
  expect(await world.tenant('fixed')).toMatchObject({ generation: 1, allowed: expect.arrayContaining(['update']) })
})

it('a tenant that could not be made is made by a corrected manifest', async () => {
  const worker = await world.worker()
  const { tenant, operation } = await world.apply('corrected', { ...two, schema: { appVersion: '3.0.0' } })
  await world.until(operation.id, 'failed')
  const before = await used()
  const again = await update('corrected', { ...first, plan: 'pro' })
  expect(again).toMatchObject({ kind: 'provision', generation: 2 })
  await world.until(again.id, 'succeeded')
  expect(await world.tenant('corrected')).toMatchObject({
    state: 'active',
    plan: 'pro',
    observedGeneration: 2,
    conditions: [],
  })
  expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  expect(await placements(tenant)).toEqual(['prod/1 active', 'staging/1 released'])
  expect(await used()).not.toEqual(before)
  await worker.stop()
})
