import {
  databaseNames,
  databasePasswordSecret,
  fairnessKey,
  objectKeySecret,
  objectPrefix,
  policyFile,
  secretPrefix,
  topicKeySecret,
  topicName,
} from '../../domain/names.ts'
import type { Bus } from '../../domain/placement.ts'
import { resourceKey, type ResourceKind, type ResourceSpec } from '../../domain/resources.ts'
import { tenantSubscription } from '../../domain/tenant-messages.ts'
import type { Topology, TopologyInput } from '../../domain/topology.ts'
import type { Strategy, StrategyInput } from '../strategy.ts'

/**
 * Shared profile: a schema in the cell's warehouse, a prefix in the shared container, secrets under the tenant's key, a
 * share of the common task queue, a segment of the region's addresses, and a topic on a shared bus. Schema and segment are
 * of the placement; the rest is of the environment, and its placements share it.
 */
export const mtStandard: Strategy = { topology, resources }

function topology({ tenant: { code }, placement, site: { cell, bus, weight } }: TopologyInput): Topology {
  const { environment, number, segment } = placement
  const names = databaseNames(code, environment, number)
  return {
    database: {
      cell: cell.name,
      host: cell.database.host,
      port: cell.database.port,
      database: cell.database.name,
      schema: names.schema,
      role: names.appRole,
      passwordSecret: databasePasswordSecret(code, environment, number),
    },
    objectStore: { cell: cell.name, container: cell.objectStore.container, prefix: objectPrefix(code, environment) },
    runtime: { ...cell.runtime, fairnessKey: fairnessKey(code, environment), fairnessWeight: weight },
    secrets: { prefix: secretPrefix(code, environment), key: 'tenant-key' },
    network: segment === null || segment === undefined ? null : { segment, enforcement: 'external' },
    events: eventsOf(code, environment, bus),
  }
}

function eventsOf(code: string, environment: string, bus: Bus | undefined): Topology['events'] {
  if (bus === undefined) return { transport: 'webhooks' }
  return {
    transport: 'service-bus',
    bus: bus.name,
    endpoint: bus.endpoint,
    topic: topicName(code, environment),
    subscription: tenantSubscription,
    keySecret: topicKeySecret(code, environment),
  }
}

function resources(input: StrategyInput): ResourceSpec[] {
  const { tenant, placement, site, plan, quotas } = input
  const { environment, number } = placement
  const { database, objectStore, secrets, runtime, network, events } = topology(input)
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
      properties: { ...runtime, concurrentTasks: quotas.concurrentTasks },
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
