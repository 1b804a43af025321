import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createApi } from '../../../api/app.ts'
import { workflowId, type OperationInput } from '../../../domain/operation.ts'
import { begin } from '../../../operations/begin.ts'
import { settle } from '../../../operations/settle.ts'
import type { Platform } from '../../../domain/platform.ts'
import { applyPlatform } from '../../../registry/apply-platform.ts'
import { testTiming } from '../../support/timing.ts'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

/** Each test has a region of its own, with cells enough that accepting does not queue for one of them. */
let region: string
const pools = Array.from({ length: 20 }, (_, at) => `10.${at}.0.0`)
let base: string
beforeEach(async () => {
  region = `r-${randomBytes(4).toString('hex')}`
  base = pools.pop() ?? ''
  await applyPlatform(api.orm.em.fork(), platform(undefined), {
    database: async () => ({ host: '127.0.0.1', port: 5432, name: 'warehouse_shared' }),
    bus: async () => ({ host: '127.0.0.1', port: 5672, tls: false }),
  })
})

type Pool = { pool: string; segmentPrefix: number }

function platform(network: Pool | undefined): Platform {
  const [like] = api.deps.platform.cells
  if (like === undefined) throw new Error('the platform has no cell')
  const cells = Array.from({ length: 8 }, (_, at) => ({ ...like, name: `${region}-${at}`, region }))
  return { ...api.deps.platform, regions: [{ name: region, residency: 'eu', network }], cells }
}

type Answer = {
  code?: string
  detail?: string
  tenant: { id: string }
  operation: { id: string }
  topology: { network: { segment: string; enforcement: string } | null }
}

/** The API as it is after a start with this pool in the platform file. */
function withPool(network: Pool | undefined) {
  const { app } = createApi({ ...api.deps, platform: platform(network) })
  return async (method: string, path: string, body?: object) => {
    const answer = await app.request(path, {
      method,
      headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Answer }
  }
}
type Call = ReturnType<typeof withPool>

const wish = (environments: string[] = ['prod']) =>
  manifest({ spec: { region, environments: environments.map((name) => ({ name })) } })

/** Accepts a tenant and gives its id and the segments of its environments. */
async function accept(call: Call, environments?: string[]): Promise<{ id: string; segments: (string | null)[] }> {
  const { status, body } = await call('POST', '/v1/tenants', wish(environments))
  expect([status, body.detail]).toEqual([202, undefined])
  return { id: body.tenant.id, segments: await segments(body.tenant.id) }
}

async function slugOf(id: string): Promise<string> {
  const [row] = (await api.sql('select slug from tenants where id = ?', [id])) as { slug: string }[]
  return row?.slug ?? ''
}

/** Segments of the region's living placements, or of one tenant, in the order of the addresses. */
async function segments(tenant?: string): Promise<(string | null)[]> {
  const rows = (await api.sql(
    `select p.segment::text from placements p join cells c on c.name = p.cell
     where p.state <> 'released' and c.region = ? and (?::uuid is null or p.tenant_id = ?) order by p.segment`,
    [region, tenant ?? null, tenant ?? null],
  )) as unknown as { segment: string | null }[]
  return rows.map(({ segment }) => segment)
}

const insert = `insert into placements (tenant_id, environment, number, profile, cell, state, segment)
  values ($1, $2, 1, 'mt-standard', $3, $4, $5)`

/** A connection of one who writes the registry by hand. */
async function byHand<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: api.url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** How many pairs of living placements overlap, by PostgreSQL's own arithmetic. */
async function overlaps(): Promise<number> {
  const [counted] = (await api.sql(
    `select count(*)::int as count from placements a join placements b on a.segment && b.segment
     where a.state <> 'released' and b.state <> 'released'
       and (a.tenant_id, a.environment) < (b.tenant_id, b.environment)`,
  )) as unknown as { count: number }[]
  return counted?.count ?? -1
}

/** Whether another connection of this database waits for one that writes. */
async function isWaiting(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rowCount !== 0
}

/** Lets a purge that was accepted come to its end, as its workflow would: there is nothing of this tenant to remove. */
async function purge(operation: { operationId: string; tenantId: string }): Promise<void> {
  const input: OperationInput = { ...operation, generation: 1, attempt: 1, timing: testTiming }
  const caller = { input, workflow: workflowId({ kind: 'purge', id: operation.operationId, attempt: 1 }) }
  await begin({ pool: api.orm.pool, platform: api.deps.platform }, caller)
  await settle(api.orm.pool, { input, outcome: 'succeeded' }, caller.workflow)
}

test('56 tenants with 64 environments, accepted at once for a pool of 64: each has its own, and none is left', async () => {
  const call = withPool({ pool: `${base}/26`, segmentPrefix: 32 })
  const wishes = Array.from({ length: 56 }, (_, at) => wish(at % 7 === 0 ? ['prod', 'staging'] : ['prod']))
  const answers = await Promise.all(wishes.map((one) => call('POST', '/v1/tenants', one)))
  expect(answers.map(({ status, body }) => [status, body.detail])).toEqual(answers.map(() => [202, undefined]))
  expect(new Set(await segments()).size).toBe(64)
  expect(await overlaps()).toBe(0)
})

test('each environment of a tenant has a segment of its own, and the context says that others enforce it', async () => {
  const call = withPool({ pool: `${base}/16`, segmentPrefix: 24 })
  const { id, segments: given } = await accept(call, ['prod', 'staging', 'dev'])
  expect(new Set(given).size).toBe(3)
  for (const segment of given) expect(segment).toMatch(new RegExp(`^10\\.${base.split('.')[1]}\\.\\d+\\.0/24$`))
  const { body } = await call('GET', `/v1/tenants/${id}/context?environment=staging`)
  expect(body.topology.network?.enforcement).toBe('external')
  expect(given).toContain(body.topology.network?.segment)
})

test('the database itself refuses a segment that overlaps a living one, whoever writes it', async () => {
  const call = withPool({ pool: `${base}/24`, segmentPrefix: 28 })
  const {
    segments: [taken = null],
  } = await accept(call)
  await api.sql(`update placements set segment = ? where segment = ?`, [`${base}/28`, taken])
  const { id: other } = await accept(withPool(undefined))
  await byHand(async (client) => {
    const write = (segment: string, state = 'standby') =>
      client.query(insert, [other, `e${state}${segment}`, `${region}-0`, state, segment]).then(
        () => 'written',
        (error: pg.DatabaseError) => `${error.code} ${error.constraint}`,
      )
    const refused = '23P01 placements_segment'
    const start = base.slice(0, -1)
    expect(await write(`${base}/28`)).toBe(refused)
    expect(await write(`${start}8/29`)).toBe(refused)
    expect(await write(`${base}/20`, 'suspended')).toBe(refused)
    expect(await write(`${base}/28`, 'released')).toBe('written')
    expect(await write(`${start}16/28`)).toBe('written')
  })
})

describe('a pool that is used up', () => {
  test('is a refusal that says what to do, and changes nothing', async () => {
    const call = withPool({ pool: `${base}/30`, segmentPrefix: 31 })
    await accept(call)
    const tooMany = () => call('POST', '/v1/tenants', wish(['prod', 'staging']))
    const { status, body } = await api.unchanged(tooMany)
    expect(status).toBe(409)
    expect(body).toMatchObject({ code: 'network_exhausted', retry: true, facts: { region, pool: `${base}/30` } })
    expect(body.detail).toContain(`the pool ${base}/30 of region "${region}" has no free segment`)
    expect(body.detail).toContain('enlarge it in the platform file')
    expect((await accept(call)).segments).toHaveLength(1)
  })

  test('by one who writes past Freehold at the same moment: the same refusal', async () => {
    const call = withPool({ pool: `${base}/32`, segmentPrefix: 32 })
    const { id: other } = await accept(withPool(undefined))
    await byHand(async (client) => {
      await client.query('begin')
      await client.query(insert, [other, 'late', `${region}-0`, 'standby', `${base}/32`])
      const answering = call('POST', '/v1/tenants', wish())
      while (!(await isWaiting(client))) await sleep(10)
      await client.query('commit')
      const { status, body } = await answering
      expect([status, body.code]).toEqual([409, 'network_exhausted'])
    })
  })

  test('has room again once a tenant is purged', async () => {
    const call = withPool({ pool: `${base}/32`, segmentPrefix: 32 })
    const { id, segments: given } = await accept(call)
    await api.sql(`update operations set state = 'failed', finished_at = now() where tenant_id = ?`, [id])
    await api.sql(`update tenants set state = 'failed' where id = ?`, [id])
    expect((await call('POST', '/v1/tenants', wish())).body.code).toBe('network_exhausted')
    const { body } = await call('POST', `/v1/tenants/${id}/purge`, { confirm: await slugOf(id) })
    await purge({ operationId: body.operation.id, tenantId: id })
    expect((await accept(call)).segments).toEqual(given)
  })
})

describe('a pool that changes', () => {
  test('leaves the segments that are given, and gives none that overlaps them: smaller, wider cut, finer cut, elsewhere', async () => {
    const before = await accept(withPool({ pool: `${base}/26`, segmentPrefix: 28 }))
    const smaller = await accept(withPool({ pool: `${base}/27`, segmentPrefix: 28 }))
    const wider = await accept(withPool({ pool: `${base}/24`, segmentPrefix: 25 }))
    const finer = await accept(withPool({ pool: `${base}/24`, segmentPrefix: 30 }))
    const elsewhere = await accept(withPool({ pool: `${base.replace('10.', '172.')}/24`, segmentPrefix: 28 }))
    expect([`${base}/28`, `${base.slice(0, -1)}16/28`]).toContain(smaller.segments[0])
    expect(wider.segments).toEqual([`${base.slice(0, -1)}128/25`])
    expect(finer.segments[0]).toMatch(/\/30$/)
    expect(elsewhere.segments[0]).toMatch(/^172\./)
    expect(await segments(before.id)).toEqual(before.segments)
    expect(await overlaps()).toBe(0)
  })

  test('from none: who came before has no segment, and its context says so', async () => {
    const { id, segments: none } = await accept(withPool(undefined))
    expect(none).toEqual([null])
    const call = withPool({ pool: `${base}/24`, segmentPrefix: 28 })
    expect((await accept(call)).segments[0]).toMatch(/\/28$/)
    expect((await call('GET', `/v1/tenants/${id}/context`)).body.topology.network).toBeNull()
  })

  test('a pool written with an address inside of it is cut where it begins', async () => {
    const { segments: given } = await accept(withPool({ pool: `${base.slice(0, -1)}77/24`, segmentPrefix: 24 }))
    expect(given).toEqual([`${base}/24`])
  })
})
