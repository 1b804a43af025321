import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
const admin = new pg.Client({ connectionString: inject('postgresUrl') })
beforeAll(async () => {
  await admin.connect()
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
  await admin.end()
})

/** The samples of one scrape: value by series. */
async function scrape(): Promise<Map<string, number>> {
  const { status, text } = await api.call('GET', '/metrics', { key: null })
  expect(status).toBe(200)
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

/** Scrapes until it says so; what a scrape read is told again for a second. */
async function scrapeUntil(isSo: (samples: Map<string, number>) => boolean): Promise<Map<string, number>> {
  for (let tries = 0; ; tries += 1) {
    const samples = await scrape()
    if (isSo(samples)) return samples
    if (tries > 200)
      throw new Error(`never so: ${JSON.stringify([...samples].filter(([name]) => name.startsWith('f')))}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const isUp = (samples: Map<string, number>) => samples.get('freehold_registry_up') === 1

test('a scrape tells how many tenants, open operations, slots and undelivered events there are', async () => {
  const empty = await scrapeUntil(isUp)
  expect(empty.get('freehold_tenants{state="failed"}')).toBe(0)
  expect(empty.get('freehold_operations_open{kind="purge",state="interrupted"}')).toBe(0)
  expect(empty.get('freehold_operation_oldest_open_seconds')).toBe(0)

  const accepted = await Promise.all(
    [1, 2, 3].map(async () => (await api.call('POST', '/v1/tenants', { body: manifest() })).body),
  )
  const [first, second] = accepted
  await api.sql(`update tenants set state = 'active' where id = ?`, [first.tenant.id])
  await api.sql(`update operations set state = 'succeeded' where id = ?`, [first.operation.id])
  await api.sql(`update operations set state = 'interrupted', created_at = now() - interval '1 hour' where id = ?`, [
    second.operation.id,
  ])
  const samples = await scrapeUntil((seen) => seen.get('freehold_tenants{state="active"}') === 1)
  expect(samples.get('freehold_tenants{state="provisioning"}')).toBe(2)
  expect(samples.get('freehold_operations_open{kind="provision",state="accepted"}')).toBe(1)
  expect(samples.get('freehold_operations_open{kind="provision",state="interrupted"}')).toBe(1)
  expect(samples.get('freehold_operation_oldest_open_seconds')).toBeGreaterThanOrEqual(3_600)
  expect(samples.get('freehold_operation_oldest_open_seconds')).toBeLessThan(7_200)
  const cells = ['shared-1', 'shared-2']
  const used = cells.map((cell) => samples.get(`freehold_cell_slots_used{cell="${cell}"}`) ?? 0)
  expect(used.reduce((sum, each) => sum + each)).toBe(3)
  expect(samples.get('freehold_cell_slots_capacity{cell="shared-1"}')).toBe(500)
  const [delivery] = await api.sql(
    `select sum(head - cursor)::int as waiting from deliveries where destination = 'governance'`,
  )
  expect(delivery?.waiting).toBeGreaterThan(0)
  expect(samples.get('freehold_events_undelivered{destination="governance"}')).toBe(delivery?.waiting)
  expect(samples.get('freehold_events_oldest_undelivered_seconds{destination="governance"}')).toBeGreaterThan(0)
  expect(samples.get('freehold_events_oldest_undelivered_seconds{destination="topic"}')).toBe(0)
  expect(samples.get('freehold_deliveries_failing{destination="governance"}')).toBe(0)
})

test('a registry that is down fails no scrape, leaves no old figures, and is seen when it is back', async () => {
  await scrapeUntil(isUp)
  const database = new URL(api.url).pathname.slice(1)
  await admin.query(`alter database ${database} allow_connections false`)
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [database])
  const down = await scrapeUntil((samples) => !isUp(samples))
  expect(down.get('freehold_registry_up')).toBe(0)
  expect(down.get('process_resident_memory_bytes')).toBeGreaterThan(0)
  expect([...down.keys()].filter((series) => /^freehold_(tenants|oper|cell|events|deliveries)/.test(series))).toEqual(
    [],
  )
  await admin.query(`alter database ${database} allow_connections true`)
  const back = await scrapeUntil(isUp)
  expect(back.has('freehold_operation_oldest_open_seconds')).toBe(true)
})

test('a registry that hangs does not make a scrape hang', async () => {
  const holder = new pg.Client({ connectionString: api.url })
  await holder.connect()
  await holder.query('begin; lock table tenants in access exclusive mode')
  const hanging = await scrapeUntil((samples) => !isUp(samples))
  expect(hanging.get('freehold_registry_up')).toBe(0)
  await holder.query('rollback')
  await holder.end()
  expect((await scrapeUntil(isUp)).has('freehold_tenants{state="active"}')).toBe(true)
})

test('requests are told by the pattern of their route, whatever a caller puts into the path', async () => {
  for (const path of ['/v1/tenants/planted-slug', '/planted/nowhere', '/v1/operations/planted-id'])
    await api.call('GET', path)
  const series = [...(await scrape()).keys()].filter((name) => name.includes('freehold_http'))
  expect(series.join('\n')).toContain('method="GET",path="/v1/tenants/:idOrSlug",status="404"')
  expect(series.join('\n')).toContain('method="GET",path="unknown",status="404"')
  expect(series.filter((name) => name.includes('planted'))).toEqual([])
})
