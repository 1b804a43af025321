import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createBusAdministration } from '../../../base/bus-administration.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { createRuntimeMapper } from '../../../isolation/mappers/runtime.ts'
import { createTopicMapper } from '../../../isolation/mappers/topic/mapper.ts'
import { codeOf, loginAs, namesOf, testCell, testTenant, type TestCell, type TestTenant } from './support.ts'

let cell: TestCell
/** Takes connections and never answers. */
let silent: Server
let port: number
const mapper = createDatabaseMapper()

beforeAll(async () => {
  cell = await testCell()
  silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  port = (silent.address() as AddressInfo).port
})
afterAll(async () => {
  silent.close()
  await mapper.close()
  await cell.drop()
})

const inTime = 'ended within a second with the reason'

/** Aborts the work after a moment, and says how it ended. */
async function aborted(work: (signal: AbortSignal) => Promise<unknown>): Promise<string> {
  const controller = new AbortController()
  const reason = new Error('the claim is over')
  const ended = work(controller.signal).then(
    () => 'went through',
    (error: unknown) => (error === reason ? inTime : `failed with ${String(error)}`),
  )
  await sleep(300)
  controller.abort(reason)
  return Promise.race([ended, sleep(1_000, 'went on for a second', { ref: false })])
}

/** What the server still does for the provisioner or a tenant. */
async function activeFor(role: string): Promise<number> {
  const { rows } = await cell.admin.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where usename = $1 and state <> 'idle'`,
    [role],
  )
  return rows[0]?.count ?? 0
}

describe('a verb that is aborted ends within a second with the reason', () => {
  test.each(['ensure', 'freeze', 'thaw', 'remove'] as const)('%s, waiting for the row of another', async (verb) => {
    const tenant = testTenant(cell.cell)
    await mapper.ensure(tenant.target('database'))
    const holder = await cell.admin.connect()
    await holder.query('begin')
    await holder.query('select from tenancy.placement where tenant = $1 for update', [tenant.id])
    try {
      expect(await aborted((signal) => mapper[verb](tenant.target('database', 2, { signal })))).toBe(inTime)
      await vi.waitFor(async () => expect(await activeFor(cell.bootstrap.provisionerRole)).toBe(0))
    } finally {
      await holder.query('rollback')
      holder.release()
    }
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ frozen: false, facts: { state: 'active' } })
  })

  test('a migration in the middle of a file, and nothing of it is left', async () => {
    const tenant = testTenant(cell.cell)
    await mapper.ensure(tenant.target('database'))
    const slow = {
      version: '1',
      file: '1.0.0/001-slow.sql',
      sql: 'create table t (); select pg_sleep(60)',
      checksum: 'x',
    }
    expect(await aborted((signal) => mapper.migrate(tenant.target('database', 1, { signal }), [slow]))).toBe(inTime)
    const { rows } = await cell.admin.query(
      `select rolcanlogin, (select count(*)::int from pg_stat_activity where usename = rolname) as sessions,
         to_regclass($2) as table from pg_roles where rolname = $1`,
      [namesOf(tenant).ownerRole, `${namesOf(tenant).schema}.t`],
    )
    expect(rows).toEqual([{ rolcanlogin: false, sessions: 0, table: null }])
  })

  test('a database that takes the connection and never answers', async () => {
    const url = new URL(cell.cell.provisionerUrl)
    url.port = String(port)
    const tenant = testTenant({ ...cell.cell, provisionerUrl: url.href })
    expect(await aborted((signal) => mapper.ensure(tenant.target('database', 1, { signal })))).toBe(inTime)
  })

  test('a bus that never answers', async () => {
    const bus = {
      name: 'mute',
      region: 'eu-north',
      endpoint: { host: '127.0.0.1', port, tls: false },
      management: `Endpoint=sb://127.0.0.1:${port}/;SharedAccessKeyName=root;SharedAccessKey=a2V5`,
      callsPerSecond: 1,
    }
    const topics = createTopicMapper(createBusAdministration())
    expect(
      await aborted((signal) => topics.ensure(testTenant(cell.cell, { bus }).target('topic', 1, { signal }))),
    ).toBe(inTime)
  })

  test('a Temporal server that never answers', async () => {
    const runtime = createRuntimeMapper({ address: `127.0.0.1:${port}` })
    expect(await aborted((signal) => runtime.remove(testTenant(cell.cell).target('runtime', 1, { signal })))).toBe(
      inTime,
    )
    await runtime.close()
  })

  test('what was given to the store of secrets is left to it', async () => {
    const tenant: TestTenant = testTenant(cell.cell)
    const never = { ...tenant.secrets, readOrCreate: () => new Promise<string>(() => {}) }
    expect(await aborted((signal) => mapper.ensure(tenant.target('database', 1, { signal, secrets: never })))).toBe(
      inTime,
    )
    expect(await mapper.observe(tenant.target('database'))).toEqual({ exists: false })
  })
})

test('a verb that takes longer than its time is given up, and may be tried again', async () => {
  const tenant = testTenant(cell.cell)
  const never = { ...tenant.secrets, readOrCreate: () => new Promise<string>(() => {}) }
  const late = mapper.ensure(tenant.target('database', 1, { timeoutMs: 100, secrets: never }))
  await expect(late).rejects.toMatchObject({ code: 'substrate_unavailable', retry: true })
})

test('sessions of a tenant that ends late do not hold a freeze for longer than its signal', async () => {
  const tenant = testTenant(cell.cell)
  await mapper.ensure(tenant.target('database'))
  const sessions = await Promise.all(Array.from({ length: 5 }, () => loginAs(tenant, cell)))
  const ended = sessions.map((session) => codeOf(session.query('select pg_sleep(60)')))
  await sleep(100)
  await mapper.freeze(tenant.target('database', 2))
  expect(await Promise.all(ended)).toEqual(Array.from({ length: 5 }, () => '57P01'))
})
