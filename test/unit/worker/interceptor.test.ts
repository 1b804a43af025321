import { CancelledFailure, type Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { workerMetrics } from '../../../base/metrics.ts'
import { activityInterceptor } from '../../../worker/interceptor.ts'

/** Runs one activity behind the interceptor; gives what it threw and what the metrics say. */
async function run(activity: () => Promise<unknown>) {
  const registry = new Registry()
  const context = {
    info: { activityType: 'ensureResource', attempt: 1, heartbeatTimeoutMs: 10_000 },
    heartbeat: () => {},
  } as unknown as Context
  const { inbound } = activityInterceptor(pino({ level: 'silent' }), workerMetrics(registry))(context)
  const input = { args: [{ operationId: 'o', tenantId: 'the-tenant' }], headers: {} }
  const outcome = await inbound?.execute?.(input, activity).then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  )
  const lines = (await registry.metrics()).split('\n')
  return { outcome, lines: lines.filter((line) => /_activity_(duration_seconds_count|failures_total)\{/.test(line)) }
}

const count = (outcome: string) =>
  `freehold_activity_duration_seconds_count{activity="ensureResource",outcome="${outcome}"} 1`

test('an activity that ends well is one observation and no failure', async () => {
  const { outcome, lines } = await run(async () => 'done')
  expect(outcome).toEqual({ result: 'done' })
  expect(lines).toEqual([count('succeeded')])
})

test.each([
  ['an error of ours, by its code', new FreeholdError('cell_exhausted', 'no room'), 'cell_exhausted'],
  ['an error of a library', new TypeError('x is not a function'), 'internal'],
  [
    'a failure of a type that is no code of ours',
    ApplicationFailure.create({ type: 'the-tenant', message: 'x' }),
    'internal',
  ],
])('a failure is counted: %s', async (_, error, code) => {
  const { outcome, lines } = await run(async () => Promise.reject(error))
  expect(outcome).toMatchObject({ error: expect.any(ApplicationFailure) })
  expect(lines).toEqual([
    count('failed'),
    `freehold_activity_failures_total{activity="ensureResource",code="${code}"} 1`,
  ])
})

test('a cancelled activity is no failure', async () => {
  const cancelled = new CancelledFailure('stop')
  const { outcome, lines } = await run(async () => Promise.reject(cancelled))
  expect(outcome).toEqual({ error: cancelled })
  expect(lines).toEqual([count('cancelled')])
})
