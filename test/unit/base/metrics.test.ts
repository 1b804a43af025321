import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { apiMetrics, createMetricsRegistry, registryGauges, workerMetrics } from '../../../base/metrics.ts'

/** All metrics in one registry, as `npm start` has them. */
function everything(registry = new Registry()) {
  apiMetrics(registry)
  registryGauges(registry, async () => {})
  const worker = workerMetrics(registry)
  const metrics = registry.getMetricsAsArray() as unknown as {
    name: string
    help: string
    type: string
    labelNames: string[]
  }[]
  return { registry, worker, metrics }
}

test('every metric has a help text, and a name with its unit by the conventions of Prometheus', () => {
  const { metrics } = everything()
  expect(metrics.length).toBeGreaterThan(10)
  for (const { name, help, type } of metrics) {
    const isTime = type === 'histogram' || /duration|oldest|latency|timestamp|_age/.test(name)
    expect(name).toMatch(/^freehold_[a-z]+(_[a-z]+)*$/)
    expect({ name, help: help.length > 5, total: name.endsWith('_total'), seconds: name.endsWith('_seconds') }).toEqual(
      {
        name,
        help: true,
        total: type === 'counter',
        seconds: isTime,
      },
    )
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|kilobytes|megabytes|percent|count|sum|bucket)$/)
  }
})

test('a label is one of those with few, known values', () => {
  const known = [
    'method',
    'path',
    'status',
    'state',
    'kind',
    'cell',
    'destination',
    'activity',
    'outcome',
    'code',
    'action',
  ]
  expect(
    everything().metrics.flatMap(({ labelNames }) => labelNames.filter((label) => !known.includes(label))),
  ).toEqual([])
})

test('API and worker of one process share a registry, which also tells of the process', async () => {
  const text = await everything(createMetricsRegistry()).registry.metrics()
  for (const name of [
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_seconds',
    'freehold_http_request_duration_seconds',
    'freehold_sweep_last_success_timestamp_seconds',
  ])
    expect(text).toContain(`# HELP ${name} `)
})

test('a series of the sweep is there before its first event, so that its first increase is seen', async () => {
  const { registry, worker } = everything()
  worker.countSweepAction('interrupted')
  const text = await registry.metrics()
  expect(text).toContain('freehold_sweep_actions_total{action="interrupted"} 1')
  expect(text).toContain('freehold_sweep_actions_total{action="started"} 0')
})
