import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * Every metric of Freehold, by who tells it. The README's table is made from these, and a test keeps them alike. Labels
 * have few, known values: never a tenant, an id or a raw path.
 */

/** One registry for the process, with what Node tells of it: memory, processor, event loop, garbage collection. */
export function createMetricsRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/** What the API measures. Once for each registry, for a name is registered once. */
export function apiMetrics(registry: Registry) {
  return {
    registry,
    requestDuration: new Histogram({
      name: 'freehold_http_request_duration_seconds',
      help: 'Time from a request to the head of its answer; path is the pattern of the route',
      labelNames: ['method', 'path', 'status'],
      registers: [registry],
    }),
  }
}
export type ApiMetrics = ReturnType<typeof apiMetrics>

/** What the API tells of the registry database. `collect` is called at a scrape, by each gauge. */
export function registryGauges(registry: Registry, collect: () => Promise<void>) {
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name, help, labelNames, registers: [registry], collect })
  return {
    up: gauge('freehold_registry_up', '1 when the registry answered this scrape; when 0, its other gauges are absent'),
    tenants: gauge('freehold_tenants', 'Tenants', 'state'),
    operationsOpen: gauge('freehold_operations_open', 'Operations that hold their tenant', 'kind', 'state'),
    oldestOpen: gauge(
      'freehold_operation_oldest_open_seconds',
      'Time since the oldest open operation was accepted; 0 when none is open',
    ),
    slotsUsed: gauge('freehold_cell_slots_used', 'Placements the cell holds', 'cell'),
    slotsCapacity: gauge('freehold_cell_slots_capacity', 'Placements the cell may hold', 'cell'),
    eventsUndelivered: gauge('freehold_events_undelivered', 'Events that wait for delivery', 'destination'),
    eventsOldest: gauge(
      'freehold_events_oldest_undelivered_seconds',
      'Age of the oldest event that waits for delivery; 0 when none does',
      'destination',
    ),
    deliveriesFailing: gauge(
      'freehold_deliveries_failing',
      'Streams whose last delivery failed, and that are tried again',
      'destination',
    ),
  }
}

const outcomes = ['succeeded', 'failed', 'cancelled'] as const
const actions = ['started', 'cancelled', 'interrupted', 'resumed', 'postponed'] as const

/** Kinds of destinations of events. */
const destinations = ['governance', 'topic'] as const

/** What the worker measures. Once for each registry, for a name is registered once. */
export function workerMetrics(registry: Registry) {
  const registers = [registry]
  const sweepActions = new Counter({
    name: 'freehold_sweep_actions_total',
    help: 'What the sweep did about operations left behind; postponed: it could not look, and tries again',
    labelNames: ['action'],
    registers,
  })
  for (const action of actions) sweepActions.inc({ action }, 0)
  const published = new Counter({
    name: 'freehold_relay_published_total',
    help: 'Events a bus took',
    labelNames: ['destination'],
    registers,
  })
  for (const destination of destinations) published.inc({ destination }, 0)
  const publishFailures = new Counter({
    name: 'freehold_relay_failures_total',
    help: 'Deliveries that failed and are tried again, by what was wrong',
    labelNames: ['destination', 'code'],
    registers,
  })
  const activityDuration = new Histogram({
    name: 'freehold_activity_duration_seconds',
    help: `Time of one try of a step; outcome: ${outcomes.join(', ')}`,
    labelNames: ['activity', 'outcome'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  })
  return {
    observeActivity(activity: string, outcome: (typeof outcomes)[number], seconds: number): void {
      activityDuration.observe({ activity, outcome }, seconds)
    },
    activityFailures: new Counter({
      name: 'freehold_activity_failures_total',
      help: 'Tries of steps that failed, by the code of the error',
      labelNames: ['activity', 'code'],
      registers,
    }),
    countSweepAction(action: (typeof actions)[number]): void {
      sweepActions.inc({ action })
    },
    sweepLastSuccess: new Gauge({
      name: 'freehold_sweep_last_success_timestamp_seconds',
      help: 'When the sweep last looked at every open operation; 0 before the first time',
      registers,
    }),
    answersDeleted: new Counter({
      name: 'freehold_idempotency_records_deleted_total',
      help: 'Kept answers to calls with an Idempotency-Key that were deleted for their age',
      registers,
    }),
    countPublished(destination: (typeof destinations)[number], events: number): void {
      published.inc({ destination }, events)
    },
    countPublishFailure(destination: (typeof destinations)[number], code: string): void {
      publishFailures.inc({ destination, code })
    },
  }
}
export type WorkerMetrics = ReturnType<typeof workerMetrics>
