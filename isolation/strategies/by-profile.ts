import { FreeholdError } from '../../domain/errors.ts'
import type { ResourceSpec } from '../../domain/resources.ts'
import type { Topology, TopologyInput } from '../../domain/topology.ts'
import type { Strategy, StrategyInput } from '../strategy.ts'
import { mtStandard } from './mt-standard.ts'
import { stByoc } from './st-byoc.ts'
import { stDedicated } from './st-dedicated.ts'

/** One strategy a profile: a new profile is one file and one line here. */
const strategies: Readonly<Record<string, Strategy>> = {
  'mt-standard': mtStandard,
  'st-dedicated': stDedicated,
  'st-byoc': stByoc,
}

/** The profiles that there is a strategy for. */
export const profiles: readonly string[] = Object.keys(strategies)

/** Resources of one environment by the profile of its placement. Throws `profile_not_configured` for a profile nobody registered. */
export function resourcesOf(input: StrategyInput): ResourceSpec[] {
  return strategyOf(input.placement.profile).resources(input)
}

/** Topology of one environment by the profile of its placement. Throws `profile_not_configured`. */
export function topologyOf(input: TopologyInput): Topology {
  return strategyOf(input.placement.profile).topology(input)
}

/** Whether tenants of a profile have a master key of their own. Throws `profile_not_configured`. */
export function hasOwnMasterKey(profile: string): boolean {
  return strategyOf(profile).ownMasterKey
}

function strategyOf(profile: string): Strategy {
  const strategy = Object.hasOwn(strategies, profile) ? strategies[profile] : undefined
  if (strategy !== undefined) return strategy
  throw new FreeholdError('profile_not_configured', `no isolation strategy for profile "${profile}"`)
}
