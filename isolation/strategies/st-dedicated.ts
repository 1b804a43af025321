import { ownContainer, ownDatabase, ownTaskQueue } from '../../domain/names.ts'
import type { Topology, TopologyInput } from '../../domain/topology.ts'
import type { Strategy } from '../strategy.ts'
import { mtStandard } from './mt-standard.ts'
import { resourcesAt } from './resources-at.ts'

/**
 * Dedicated profile: a database, a container and a task queue of its own, on the servers of its cell. Names inside of them
 * are those of the shared profile, so that a move between the two changes where things are and not what they are called.
 */
export const stDedicated: Strategy = {
  ownMasterKey: true,
  topology,
  resources: (input) => resourcesAt(input, topology(input), { database: true, taskQueue: true }),
}

function topology(input: TopologyInput): Topology {
  const { code } = input.tenant
  const { environment } = input.placement
  const shared = mtStandard.topology(input)
  return {
    ...shared,
    database: { ...shared.database, database: ownDatabase(code, environment) },
    objectStore: { ...shared.objectStore, container: ownContainer(code, environment) },
    runtime: { ...shared.runtime, taskQueue: ownTaskQueue(code, environment) },
  }
}
