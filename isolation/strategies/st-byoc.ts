import { FreeholdError } from '../../domain/errors.ts'
import type { Topology, TopologyInput } from '../../domain/topology.ts'
import type { Strategy } from '../strategy.ts'
import { resourcesAt } from './resources-at.ts'
import { stDedicated } from './st-dedicated.ts'

/**
 * The tenant brings its own database server ("bring your own cluster"): as the dedicated profile, but for the database, which
 * is there. Objects, queue and topic are the platform's.
 */
export const stByoc: Strategy = {
  ownMasterKey: true,
  topology,
  resources: (input) => resourcesAt(input, topology(input), { database: true, taskQueue: true }),
}

function topology(input: TopologyInput): Topology {
  const { environment, server } = input.placement
  if (server === null || server === undefined)
    throw new FreeholdError('internal', `the placement of ${environment} names no server of its own`)
  const own = stDedicated.topology(input)
  return { ...own, database: { ...own.database, host: server.host, port: server.port } }
}
