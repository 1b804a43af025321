import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { workerMetrics } from '../../../base/metrics.ts'
import type { OperationStarter, WorkflowStanding } from '../../../base/temporal.ts'
import { sweepOnce } from '../../../worker/sweep.ts'
import { manifest, openTestApi, type TestApi } from '../api/support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

/** One sweep while the Temporal server says this of the workflow of an operation; gives what the metrics say. */
async function sweep(standing: (id: string) => WorkflowStanding | Error) {
  const registry = new Registry()
  const started: string[] = []
  const starter: OperationStarter = {
    start: async ({ id }) => void started.push(id),
    cancel: async () => {},
    planMove: async () => ({ tables: [], sequences: 0, bytes: 0, blockers: [] }),
    observe: async () => [],
    standing: async ({ id }) => {
      const answer = standing(id)
      if (answer instanceof Error) throw answer
      return answer
    },
  }
  await sweepOnce({ orm: api.orm, log: api.deps.log, starter, metrics: workerMetrics(registry) })
  const text = await registry.metrics()
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    )
  return {
    started,
    did: (action: string) => value(`freehold_sweep_actions_total{action="${action}"}`),
    lastSuccess: value('freehold_sweep_last_success_timestamp_seconds'),
  }
}

const accept = async (): Promise<string> =>
  (await api.call('POST', '/v1/tenants', { body: manifest() })).body.operation.id

test('what a sweep does is counted, and a sweep that could not look at everything is no success', async () => {
  const [lost, ended, cancelled, fine] = [await accept(), await accept(), await accept(), await accept()]
  await api.sql(`update operations set state = 'running' where id in (?, ?, ?)`, [ended, cancelled, fine])
  await api.sql(`update operations set intent = 'compensate' where id = ?`, [cancelled])
  const standings = new Map<string, WorkflowStanding>([
    [lost, 'missing'],
    [ended, 'closed'],
  ])

  const all = await sweep((id) => standings.get(id) ?? 'running')
  expect(all.started).toEqual([lost])
  expect(['started', 'interrupted', 'cancelled', 'resumed', 'postponed'].map(all.did)).toEqual([1, 1, 1, 0, 0])
  expect(all.lastSuccess).toBeGreaterThan(Date.now() / 1000 - 60)

  const again = await sweep((id) => (id === fine ? new Error('the server is gone') : 'running'))
  expect(['started', 'interrupted', 'cancelled', 'resumed', 'postponed'].map(again.did)).toEqual([0, 0, 1, 1, 1])
  expect(again.lastSuccess).toBe(0)
})

test('a workflow that has stalled is about to close; one that still runs long after was reset, and is resumed', async () => {
  const id = await accept()
  const stalled = (updated: string) =>
    api.sql(`update operations set state = 'interrupted', phase = 'stalled', updated_at = ${updated} where id = ?`, [
      id,
    ])
  const resumed = async () => (await sweep((of) => (of === id ? 'running' : new Error('not looked at')))).did('resumed')
  await stalled('now()')
  expect(await resumed()).toBe(0)
  await stalled(`now() - interval '1 minute'`)
  expect(await resumed()).toBe(1)
})
