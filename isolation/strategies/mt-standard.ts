import {
  databaseNames,
  databasePasswordSecret,
  fairnessKey,
  objectPrefix,
  secretPrefix,
  topicKeySecret,
  topicName,
} from '../../domain/names.ts'
import type { Bus } from '../../domain/placement.ts'
import { tenantSubscription } from '../../domain/tenant-messages.ts'
import type { Topology, TopologyInput } from '../../domain/topology.ts'
import type { Strategy } from '../strategy.ts'
import { resourcesAt } from './resources-at.ts'

/**
 * Shared profile: a schema in the cell's warehouse, a prefix in the shared container, secrets under the tenant's key, a
 * share of the common task queue, a segment of the region's addresses, and a topic on a shared bus.
 */
export const mtStandard: Strategy = {
  ownMasterKey: false,
  topology,
  resources: (input) => resourcesAt(input, topology(input), { database: false, taskQueue: false }),
}

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
