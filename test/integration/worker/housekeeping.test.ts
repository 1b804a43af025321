import { randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { workerMetrics } from '../../../base/metrics.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { deleteOldAnswers } from '../../../registry/idempotency.ts'
import { answersKeptSeconds, createHousekeeping } from '../../../worker/housekeeping.ts'
import { manifest, openTestApi, type TestApi } from '../api/support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

async function keepHouse(): Promise<string> {
  const metrics = new Registry()
  const { orm, log } = api.deps
  await createHousekeeping({ orm, log, metrics: workerMetrics(metrics) }, { keptSeconds: answersKeptSeconds })()
  return metrics.metrics()
}

/** Makes a tenant under a key, as if it had been so many hours ago. */
async function createdBefore(hours: number) {
  const body = manifest()
  const headers = { 'Idempotency-Key': randomUUID() }
  const send = () => api.call('POST', '/v1/tenants', { body, headers })
  expect((await send()).status).toBe(202)
  await api.sql(`update idempotency_records set created_at = now() - make_interval(hours => ?) where key = ?`, [
    hours,
    headers['Idempotency-Key'],
  ])
  return send
}

test('an answer is given again for a day; after it the same call is a new one', async () => {
  const [yesterday, today] = [await createdBefore(25), await createdBefore(23)]
  expect(await keepHouse()).toContain('freehold_idempotency_records_deleted_total 1')
  const replayed = await today()
  expect([replayed.status, replayed.headers.get('idempotency-replayed')]).toEqual([202, 'true'])
  const anew = await yesterday()
  expect([anew.status, anew.body.code, anew.headers.get('idempotency-replayed')]).toEqual([409, 'slug_taken', null])
})

test('old answers go in bounded pieces, the oldest first, also when several delete at once', async () => {
  const kept = async () =>
    (await api.sql(`select status from idempotency_records where key like 'piece-%' order by status`)).map(
      ({ status }) => status,
    )
  await api.sql(
    `insert into idempotency_records (api_key_id, key, request_hash, status, headers, body, created_at)
     select (select id from api_keys limit 1), 'piece-' || n, 'hash', n, '{}', '{}', now() - make_interval(days => 20 - n)
     from generate_series(1, 10) as n`,
  )
  const remove = (limit: number) => deleteOldAnswers(sqlOf(api.orm.pool), { keptSeconds: 9 * 24 * 3_600, limit })
  expect(await remove(3)).toBe(3)
  expect(await kept()).toEqual([4, 5, 6, 7, 8, 9, 10])
  const counts = await Promise.all([remove(100), remove(100), remove(100)])
  expect(counts.reduce((sum, count) => sum + count)).toBe(7)
  expect(await kept()).toEqual([])
})
