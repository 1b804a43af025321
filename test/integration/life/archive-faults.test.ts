import { cp, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreeholdError, type ErrorCode } from '../../../domain/errors.ts'
import type { StepAction } from '../../../domain/operation.ts'
import type { ColdStorage } from '../../../isolation/archives/cold-storage.ts'
import { readSealer } from '../../../registry/tenant-keys.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { closed, doors, open } from '../../support/doors.ts'
import { nothing, remainsOf, whole } from '../../support/remains.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** What goes wrong in an archive or a restore: before the proof everything is as it was, behind it only goes forward. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const secretText = 'do not read this in cold storage'

/** One that is active, with a customer and an archive's worth of data. */
async function provisioned(slug: string): Promise<SeenTenant> {
  const worker = await world.worker()
  const { tenant, operation } = await world.apply(slug)
  await world.until(operation.id, 'succeeded')
  const { body } = await world.request('POST', `/v1/tenants/${slug}/credentials`, {})
  const client = new pg.Client({ connectionString: (body as { database: { url: string } }).database.url })
  await client.connect()
  await client.query('insert into customers (name, email) values ($1, $2)', [secretText, 'a@example.com'])
  await client.end()
  await worker.stop()
  return tenant
}
async function accepted(slug: string, name: string, body: object = {}): Promise<string> {
  const answer = await world.request('POST', `/v1/tenants/${slug}/${name}`, body)
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return (answer.body['operation'] as SeenOperation).id
}
const ended = (id: string) => world.until(id, 'succeeded', 'failed', 'aborted', 'interrupted')
async function command(slug: string, name: string, body: object = {}): Promise<SeenOperation> {
  return ended(await accepted(slug, name, body))
}
async function archived(slug: string): Promise<SeenTenant> {
  const tenant = await provisioned(slug)
  const worker = await world.worker()
  expect(await command(slug, 'archive')).toMatchObject({ state: 'succeeded' })
  await worker.stop()
  return tenant
}
const placements = (tenant: SeenTenant) =>
  sqlOf(world.deps.orm.pool)<{ number: number; state: string }>({
    text: 'select number, state from placements where tenant_id = $1 order by 1',
    values: [tenant.id],
  })
const archivesOf = ({ code }: SeenTenant) => join(world.environment.FREEHOLD_STATE_DIR, 'archives', code)
async function filesOf(tenant: SeenTenant): Promise<string[]> {
  const folder = archivesOf(tenant)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

/** Fails a verb of a kind of resource, so many times, or for ever. */
function failing(action: StepAction, kind: string, code: ErrorCode, times = Infinity) {
  let left = times
  return aroundVerbs(world.deps.mappers, async (call, run) => {
    if (call.action === action && call.target.spec.kind === kind && left > 0) {
      left -= 1
      throw new FreeholdError(code, 'a fault of the test')
    }
    return run()
  })
}

describe('an archive, before the proof', () => {
  it.each([
    ['the database', 'export', 'database', 'archive_unsupported'],
    ['the object store, for too long', 'export', 'object-store', 'substrate_unavailable'],
    ['cold storage', 'ensure', 'archive', 'substrate_unavailable'],
    ['a door', 'freeze', 'topic', 'configuration_invalid'],
  ] as const)(
    'opens everything again and leaves nothing when %s fails; and can be tried again',
    async (what, action, kind, code) => {
      const slug = `fails-${action}-${kind}`
      const tenant = await provisioned(slug)
      const worker = await world.worker({ mappers: failing(action, kind, code) })
      expect(await command(slug, 'archive')).toMatchObject({ state: 'failed', error: { code } })
      expect({ what, is: await doors(world, tenant) }).toEqual({ what, is: open })
      expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
      expect((await remainsOf(world, tenant)).files.filter((path) => path.startsWith('archives'))).toEqual([])
      await worker.stop()
      const again = await world.worker()
      expect(await command(slug, 'retry')).toMatchObject({ state: 'succeeded' })
      expect(await world.tenant(slug)).toMatchObject({ state: 'archived' })
      await again.stop()
    },
  )

  it('waits for what is down for a moment', async () => {
    await provisioned('for-a-moment')
    const worker = await world.worker({ mappers: failing('export', 'database', 'substrate_unavailable', 2) })
    expect(await command('for-a-moment', 'archive')).toMatchObject({ state: 'succeeded' })
    await worker.stop()
  })

  it('finds what cold storage has changed, and removes nothing', async () => {
    const tenant = await provisioned('changed-at-once')
    const archives: ColdStorage = {
      ...world.deps.archives,
      async put(path, body) {
        const bytes = await buffer(body)
        const spoilt = /table-/.test(path) ? bytes.with(bytes.length - 9, (bytes.at(-9) ?? 0) ^ 1) : bytes
        await world.deps.archives.put(
          path,
          (async function* () {
            yield spoilt
          })(),
        )
      },
    }
    const worker = await world.worker({ archives })
    expect(await command('changed-at-once', 'archive')).toMatchObject({
      state: 'failed',
      error: { code: 'archive_damaged', message: expect.stringContaining('table-') as string },
    })
    expect(await doors(world, tenant)).toEqual(open)
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    await worker.stop()
  })

  it('proves again what was proven and not recorded', async () => {
    const tenant = await provisioned('proven-twice')
    const fault = () => new FreeholdError('substrate_unavailable', 'once')
    let [exports, deletions, faults] = [0, 0, 0]
    const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
      const result = await run()
      // Leaves files of a try that was given up, for the proof to delete.
      if (action === 'export' && target.spec.kind === 'database' && (exports += 1) === 1) throw fault()
      return result
    })
    const archives: ColdStorage = {
      ...world.deps.archives,
      async delete(path) {
        const deleted = await world.deps.archives.delete(path)
        deletions += 1
        if (path.endsWith('/inventory') && (faults += 1) === 1) throw fault()
        return deleted
      },
    }
    const worker = await world.worker({ mappers, archives })
    expect(await command('proven-twice', 'archive')).toMatchObject({ state: 'succeeded', error: null })
    expect(deletions).toBeGreaterThan(0)
    expect(await command('proven-twice', 'restore')).toMatchObject({ state: 'succeeded' })
    expect((await remainsOf(world, tenant)).ledger).toContain('prod/1/archive present')
    await worker.stop()
  })

  it('is undone by an abort, and stays closed when it is suspended meanwhile', async () => {
    const tenant = await provisioned('aborted')
    const reached = Promise.withResolvers<undefined>()
    const goOn = Promise.withResolvers<undefined>()
    const mappers = aroundVerbs(world.deps.mappers, async (call, run) => {
      if (call.action === 'export' && call.target.spec.kind === 'object-store') {
        reached.resolve(undefined)
        await goOn.promise
      }
      return run()
    })
    const worker = await world.worker({ mappers })
    const id = await accepted('aborted', 'archive')
    await reached.promise
    const suspend = await accepted('aborted', 'suspend')
    await accepted('aborted', 'abort')
    goOn.resolve(undefined)
    expect(await ended(id)).toMatchObject({ state: 'aborted' })
    await ended(suspend)
    expect(await doors(world, tenant)).toEqual(closed)
    expect((await remainsOf(world, tenant)).ledger).toEqual(whole(tenant).ledger)
    expect(await command('aborted', 'resume')).toMatchObject({ state: 'succeeded' })
    expect(await doors(world, tenant)).toEqual(open)
    await worker.stop()
  })
})

describe('an archive, behind the proof', () => {
  it('only goes forward: it stalls, is not undone, and a retry ends it', async () => {
    const tenant = await provisioned('stalls')
    const worker = await world.worker({ mappers: failing('remove', 'database', 'resource_not_owned') })
    expect(await command('stalls', 'archive')).toMatchObject({
      state: 'interrupted',
      error: { code: 'resource_not_owned' },
    })
    const abort = await world.request('POST', '/v1/tenants/stalls/abort', {})
    expect(abort).toMatchObject({ status: 409, body: { code: 'transition_not_allowed' } })
    expect(await world.tenant('stalls')).toMatchObject({ state: 'archiving', conditions: [{ type: 'NeedsAttention' }] })
    await worker.stop()
    const again = await world.worker()
    expect(await command('stalls', 'retry')).toMatchObject({ state: 'succeeded' })
    expect((await remainsOf(world, tenant)).ledger).toEqual(['prod/1/archive present'])
    expect(await command('stalls', 'restore')).toMatchObject({ state: 'succeeded' })
    await again.stop()
  })
})

describe('a restore', () => {
  it.each([
    [
      'a bit of a table',
      (path: string) => path.includes('/table-'),
      (bytes: Buffer) => bytes.with(50, (bytes[50] ?? 0) ^ 1),
    ],
    ['the end of the objects', (path: string) => path.endsWith('/objects'), (bytes: Buffer) => bytes.subarray(0, -1)],
    [
      'a bit of the manifest',
      (path: string) => path.endsWith('/manifest'),
      (bytes: Buffer) => bytes.with(60, (bytes[60] ?? 0) ^ 1),
    ],
  ] as const)(
    'is refused when %s is not what was archived; it stays archived, and nothing is left',
    async (what, isIt, spoil) => {
      const slug = `spoilt-${what.replaceAll(' ', '-')}`.slice(0, 30)
      const tenant = await archived(slug)
      const file = (await filesOf(tenant)).find(isIt) ?? ''
      const sound = await readFile(file)
      await writeFile(file, spoil(sound))
      const worker = await world.worker()
      expect(await command(slug, 'restore')).toMatchObject({ state: 'failed', error: { code: 'archive_damaged' } })
      expect(await world.tenant(slug)).toMatchObject({ state: 'archived', conditions: [] })
      const { ledger, schemas, roles, topics, secrets } = await remainsOf(world, tenant)
      expect({ ledger, schemas, roles, topics, secrets }).toEqual({
        ledger: ['prod/1/archive present'],
        schemas: [],
        roles: [],
        topics: [],
        secrets: [],
      })
      expect(await placements(tenant)).toEqual([
        { number: 1, state: 'released' },
        { number: 2, state: 'released' },
      ])
      await writeFile(file, sound)
      expect(await command(slug, 'retry')).toMatchObject({ state: 'succeeded' })
      expect(await world.tenant(slug)).toMatchObject({ state: 'active' })
      expect(await placements(tenant)).toMatchObject([{}, {}, { number: 3, state: 'active' }])
      await worker.stop()
    },
  )

  it('that brings back something else is removed again, and never opened', async () => {
    const tenant = await archived('differs')
    let opened = 0
    const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
      if (action === 'thaw') opened += 1
      const result = await run()
      if (action !== 'import' || target.spec.kind !== 'database') return result
      const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
      await admin.connect()
      const { rows } = await admin.query<{ login: boolean }>(
        'select rolcanlogin as login from pg_roles where rolname = $1',
        [`t_${tenant.code}_prod_2_app`],
      )
      opened += rows.filter(({ login }) => login).length
      await admin.query(`delete from t_${tenant.code}_prod.customers where name = $1`, [secretText])
      await admin.end()
      return result
    })
    const worker = await world.worker({ mappers })
    expect(await command('differs', 'restore')).toMatchObject({
      state: 'failed',
      error: { code: 'restore_differs', message: expect.stringContaining('customers') as string },
    })
    expect(opened).toBe(0)
    expect((await remainsOf(world, tenant)).ledger).toEqual(['prod/1/archive present'])
    await worker.stop()
  })

  it('is undone by an abort, and takes up a database that was down', async () => {
    const tenant = await archived('aborted-restore')
    const mappers = failing('import', 'database', 'substrate_unavailable', 1)
    const reached = Promise.withResolvers<undefined>()
    let holds = true
    const holding = aroundVerbs(mappers, async (call, run) => {
      if (holds && call.action === 'compare') {
        reached.resolve(undefined)
        await new Promise((_, reject) =>
          call.target.signal.addEventListener('abort', () => reject(call.target.signal.reason as Error)),
        )
      }
      return run()
    })
    const worker = await world.worker({ mappers: holding })
    const id = await accepted('aborted-restore', 'restore')
    await reached.promise
    await accepted('aborted-restore', 'abort')
    expect(await ended(id)).toMatchObject({ state: 'aborted' })
    expect(await world.tenant('aborted-restore')).toMatchObject({ state: 'archived' })
    expect((await remainsOf(world, tenant)).ledger).toEqual(['prod/1/archive present'])
    holds = false
    expect(await command('aborted-restore', 'restore')).toMatchObject({ state: 'succeeded' })
    await worker.stop()
  })
})

/** Holds the first try of a verb of a kind of resource until it is let go. */
function held(action: StepAction, kind: string) {
  const reached = Promise.withResolvers<undefined>()
  const goOn = Promise.withResolvers<undefined>()
  const mappers = aroundVerbs(world.deps.mappers, async (call, run) => {
    if (call.action === action && call.target.spec.kind === kind) {
      reached.resolve(undefined)
      await goOn.promise
    }
    return run()
  })
  return { mappers, reached: reached.promise, goOn: () => goOn.resolve(undefined) }
}

describe('suspend beside it', () => {
  it('while it restores: the tenant is back, and nothing is open', async () => {
    const tenant = await archived('suspended-back')
    const importing = held('import', 'object-store')
    const worker = await world.worker({ mappers: importing.mappers })
    const id = await accepted('suspended-back', 'restore')
    await importing.reached
    const suspend = await accepted('suspended-back', 'suspend')
    importing.goOn()
    expect(await ended(id)).toMatchObject({ state: 'succeeded' })
    expect(await ended(suspend)).toMatchObject({ state: 'succeeded' })
    expect(await world.tenant('suspended-back')).toMatchObject({ state: 'suspended' })
    const { receiving, objects, sides } = await doors(world, tenant)
    expect({ receiving, objects, sides }).toEqual({
      receiving: closed.receiving,
      objects: true,
      sides: ['prod/2 suspended'],
    })
    expect(await command('suspended-back', 'resume')).toMatchObject({ state: 'succeeded' })
    await worker.stop()
  })

  it('while what was archived is removed: it stays in cold storage, and comes back suspended', async () => {
    const tenant = await provisioned('suspended-away')
    const removing = held('remove', 'topic')
    const worker = await world.worker({ mappers: removing.mappers })
    const id = await accepted('suspended-away', 'archive')
    await removing.reached
    const suspend = await accepted('suspended-away', 'suspend')
    removing.goOn()
    expect(await ended(id)).toMatchObject({ state: 'succeeded' })
    expect(await ended(suspend)).toMatchObject({ state: 'succeeded' })
    expect((await remainsOf(world, tenant)).ledger).toEqual(['prod/1/archive present'])
    expect((await remainsOf(world, tenant)).sides).toEqual([])
    expect(await command('suspended-away', 'restore')).toMatchObject({ state: 'succeeded' })
    expect(await world.tenant('suspended-away')).toMatchObject({ state: 'suspended' })
    await worker.stop()
  })
})

describe('cold storage', () => {
  it('has nothing to read, with the key of the tenant gone nothing to open, and after a purge nothing at all', async () => {
    const tenant = await archived('shredded')
    const files = await filesOf(tenant)
    for (const file of files) {
      const bytes = await readFile(file)
      expect(bytes.includes(secretText)).toBe(false)
      expect(bytes.includes('customers')).toBe(false)
    }
    const kept = join(world.environment.FREEHOLD_STATE_DIR, 'copy-of-archive')
    await cp(archivesOf(tenant), kept, { recursive: true })
    const copied = join(kept, 'prod/1')
    const [path = ''] = (await readdir(copied, { recursive: true })).filter((name) => name.endsWith('/manifest'))
    const sql = sqlOf(world.deps.orm.pool)
    const opened = async () => {
      const sealer = await readSealer(sql, world.deps.platformKey, tenant.id)
      const bytes = await readFile(join(copied, path))
      return buffer(
        sealer.openStream(
          `archives/${tenant.code}/prod/1/${path}`,
          (async function* () {
            yield bytes
          })(),
        ),
      )
    }
    expect((await opened()).length).toBeGreaterThan(100)
    const worker = await world.worker()
    await command('shredded', 'delete')
    expect(await command('shredded', 'purge', { confirm: 'shredded' })).toMatchObject({ state: 'succeeded' })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    await expect(opened()).rejects.toMatchObject({ code: 'secret_unreadable' })
    await worker.stop()
  })
})
