import type { Registry } from 'prom-client'
import { errorText } from '../domain/errors.ts'
import { lifecycle, tenantStates } from '../domain/lifecycle.ts'
import { openStates } from '../domain/operation.ts'
import { within } from '../base/deadline.ts'
import type { Logger } from '../base/logger.ts'
import { registryGauges } from '../base/metrics.ts'
import { lagQuery } from './delivery-lag.ts'
import { destinationKinds, governance } from './deliveries.ts'
import type { Orm } from './orm.ts'

const freshMs = 1_000
const answerWithinMs = 2_000

type Gauges = ReturnType<typeof registryGauges>
type Sample = { gauge: Exclude<keyof Gauges, 'up'>; labels: Record<string, string>; value: number }

const open = `state in (${openStates.map((state) => `'${state}'`).join(', ')})`
const query = `
  select 'tenants' as gauge, jsonb_build_object('state', state) as labels, count(*)::float8 as value
    from tenants group by state
  union all select 'operationsOpen', jsonb_build_object('kind', kind, 'state', state), count(*)
    from operations where ${open} group by kind, state
  union all select 'oldestOpen', '{}', coalesce(extract(epoch from now() - min(created_at)), 0)
    from operations where ${open}
  union all select 'slotsUsed', jsonb_build_object('cell', name), used from cells
  union all select 'slotsCapacity', jsonb_build_object('cell', name), capacity from cells
  union all select gauge, jsonb_build_object('destination', destination), value
    from (${lagQuery}) lag, lateral (values
      ('eventsUndelivered', undelivered), ('eventsOldest', "oldestSeconds"), ('deliveriesFailing', failing)) as v (gauge, value)`

/** What is there at all times, so that a series does not begin with its first trouble. */
const zeroes: readonly Sample[] = [
  ...tenantStates.map((state): Sample => ({ gauge: 'tenants', labels: { state }, value: 0 })),
  ...Object.entries(lifecycle)
    .filter(([, { available }]) => available)
    .flatMap(([kind]) =>
      openStates.map((state): Sample => ({ gauge: 'operationsOpen', labels: { kind, state }, value: 0 })),
    ),
  ...destinationKinds.flatMap((destination) =>
    (['eventsUndelivered', 'eventsOldest', 'deliveriesFailing'] as const).map((gauge): Sample => ({
      gauge,
      labels: { destination },
      value: 0,
    })),
  ),
]

/**
 * Adds the gauges of the registry to the metrics. They are read when they are scraped, all by one query, at most once a
 * second. A registry that does not answer within 2 s makes no scrape fail: `freehold_registry_up` says so.
 * @param of `hasGovernance`: whether there is a governance topic; without one nothing waits for it
 */
export function exposeRegistry(
  metrics: Registry,
  { orm, log, hasGovernance }: { orm: Orm; log: Logger; hasGovernance: boolean },
): void {
  const expected = (labels: Sample['labels']) => hasGovernance || labels['destination'] !== governance
  let last: { at: number; done: Promise<void> } | undefined
  const gauges = registryGauges(metrics, () => {
    if (last === undefined || performance.now() - last.at > freshMs) last = { at: performance.now(), done: refresh() }
    return last.done
  })

  async function refresh(): Promise<void> {
    const samples = await within(answerWithinMs, readSamples(orm)).catch((error: unknown) => {
      log.warn({ reason: errorText(error) }, 'metrics: the registry does not answer')
    })
    for (const gauge of Object.values(gauges)) gauge.reset()
    gauges.up.set(samples === undefined ? 0 : 1)
    // A gauge without labels is 0 after a reset, and 0 would say that nothing is open.
    if (samples === undefined) gauges.oldestOpen.remove()
    else
      for (const { gauge, labels, value } of [...zeroes, ...samples])
        if (expected(labels)) gauges[gauge].set(labels, value)
  }
}

async function readSamples(orm: Orm): Promise<Sample[]> {
  return orm.em.fork().transactional(async (em) => {
    await em.execute(`set local statement_timeout = ${answerWithinMs}`)
    return em.execute<Sample[]>(query)
  })
}
