import { databaseNames } from '../../domain/names.ts'
import { resourceKey, type ResourceKind, type ResourceSpec } from '../../domain/resources.ts'
import { topology } from '../../domain/topology.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { StrategyInput } from '../strategy.ts'

/**
 * Shared profile: a schema in the cell's warehouse, a prefix in the shared container, secrets under the tenant's key, a
 * share of the common task queue, a segment of the region's addresses, and a topic on a shared bus.
 */
export function mtStandard({ tenant, placement, site, plan, quotas }: StrategyInput): ResourceSpec[] {
  const { environment, number } = placement
  const { database, objectStore, secrets, runtime, network, events } = topology(tenant, placement, site)
  const names = databaseNames(tenant.code, environment, number)
  const placementOf = (kind: ResourceKind) => (['database', 'network'].includes(kind) ? number : 0)
  const resource = (
    kind: ResourceKind,
    name: string,
    properties: JsonObject,
    more: { after?: ResourceKind[]; cell?: string } = {},
  ): ResourceSpec =>
    ({
      key: resourceKey(environment, kind, placementOf(kind)),
      kind,
      environment,
      placement: placementOf(kind),
      cell: more.cell ?? site.cell.name,
      name,
      after: [],
      properties,
    }) as never
  const resources = [
    resource('secrets', secrets.prefix, { key: secrets.key }),
    resource(
      'database',
      `${database.database}.${names.schema}`,
      { ...names, passwordSecret: database.passwordSecret, connectionLimit: plan.databaseConnections },
      { after: ['secrets'] },
    ),
    resource(
      'object-store',
      `${objectStore.container}/${objectStore.prefix}`,
      { ...objectStore, signingKeySecret: `${secrets.prefix}object-store` },
      { after: ['secrets'] },
    ),
    resource('runtime', `${runtime.namespace}/${runtime.taskQueue}/${runtime.fairnessKey}`, {
      ...runtime,
      concurrentTasks: quotas.concurrentTasks,
    }),
  ]
  if (network !== null)
    resources.push(
      resource('network', network.segment, {
        ...network,
        file: `${tenant.code}-${environment}-${number}.json`,
        database: { host: database.host, port: database.port },
        bus: events.transport === 'service-bus' ? events.endpoint : null,
      }),
    )
  if (events.transport === 'service-bus')
    resources.push(
      resource(
        'topic',
        events.topic,
        { subscription: events.subscription, keySecret: events.keySecret },
        { after: ['secrets'], cell: events.bus },
      ),
    )
  return resources
}
