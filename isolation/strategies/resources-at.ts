import { databaseNames, objectKeySecret, policyFile } from '../../domain/names.ts'
import { resourceKey, type ResourceKind, type ResourceSpec } from '../../domain/resources.ts'
import type { Topology } from '../../domain/topology.ts'
import type { StrategyInput } from '../strategy.ts'

/** What a strategy gives to a tenant alone, where others share. */
export type Own = { readonly database: boolean; readonly taskQueue: boolean }

/**
 * The resources that a topology stands for. Database and segment are of the placement; the rest is of the environment, and
 * its placements share it.
 */
export function resourcesAt(input: StrategyInput, topology: Topology, own: Own): ResourceSpec[] {
  const { tenant, placement, site, plan, quotas } = input
  const { environment, number } = placement
  const { database, objectStore, secrets, runtime, network, events } = topology
  const names = databaseNames(tenant.code, environment, number)
  // Nothing waits for the secrets: what the others store needs the tenant's key alone, which is there from the start.
  const common = { environment, cell: site.cell.name, after: [] }
  const shared = (kind: ResourceKind) => ({ ...common, key: resourceKey(environment, kind, 0), placement: 0 })
  const placed = (kind: ResourceKind) => ({ ...common, key: resourceKey(environment, kind, number), placement: number })
  const specs: ResourceSpec[] = [
    { kind: 'secrets', ...shared('secrets'), name: secrets.prefix, properties: { key: secrets.key } },
    {
      kind: 'database',
      ...placed('database'),
      name: `${database.database}.${names.schema}`,
      properties: {
        ownDatabase: own.database ? database.database : null,
        serverSecret: placement.server?.secret ?? null,
        ...names,
        passwordSecret: database.passwordSecret,
        connectionLimit: plan.databaseConnections,
      },
    },
    {
      kind: 'object-store',
      ...shared('object-store'),
      name: `${objectStore.container}/${objectStore.prefix}`,
      properties: {
        container: objectStore.container,
        prefix: objectStore.prefix,
        signingKeySecret: objectKeySecret(tenant.code, environment),
      },
    },
    {
      kind: 'runtime',
      ...shared('runtime'),
      name: `${runtime.namespace}/${runtime.taskQueue}/${runtime.fairnessKey}`,
      properties: { ...runtime, ownQueue: own.taskQueue, concurrentTasks: quotas.concurrentTasks },
    },
  ]
  if (network !== null)
    specs.push({
      kind: 'network',
      ...placed('network'),
      name: network.segment,
      properties: {
        segment: network.segment,
        file: policyFile(tenant.code, environment, number),
        database: { host: database.host, port: database.port },
        bus: events.transport === 'service-bus' ? { host: events.endpoint.host, port: events.endpoint.port } : null,
      },
    })
  if (events.transport === 'service-bus')
    specs.push({
      kind: 'topic',
      ...shared('topic'),
      cell: events.bus,
      name: events.topic,
      properties: { subscription: events.subscription, keySecret: events.keySecret },
    })
  return specs
}
