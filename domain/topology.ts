import {
  databaseNames,
  databasePasswordSecret,
  fairnessKey,
  objectPrefix,
  secretPrefix,
  topicKeySecret,
  topicName,
} from './names.ts'
import type { Bus, Cell, Placement } from './placement.ts'
import { tenantSubscription } from './tenant-messages.ts'

/** Where the resources of one environment are, as every downstream service is told. References only, no credentials. */
export type Topology = ReturnType<typeof topology>

/** Where one environment lives: its cell and, where there is one, its bus, and the weight of its plan among others. */
export type Site = { readonly cell: Cell; readonly bus: Bus | undefined; readonly weight: number }

/** A pure function of tenant, placement and site: the one place that knows how physical names are built for mt-standard. */
export function topology(
  tenant: { code: string },
  placement: Pick<Placement, 'environment' | 'number' | 'segment'>,
  { cell, bus, weight }: Site,
) {
  const { code } = tenant
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
    network: segment === null || segment === undefined ? null : { segment, enforcement: 'external' as const },
    events: eventsOf(code, environment, number, bus),
  }
}

/** Without a bus, events leave by webhooks alone. */
function eventsOf(code: string, environment: string, number: number, bus: Bus | undefined) {
  if (bus === undefined) return { transport: 'webhooks' as const }
  return {
    transport: 'service-bus' as const,
    bus: bus.name,
    endpoint: bus.endpoint,
    topic: topicName(code, environment),
    subscription: tenantSubscription,
    keySecret: topicKeySecret(code, environment, number),
  }
}
