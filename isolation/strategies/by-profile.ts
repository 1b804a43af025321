import { FreeholdError } from '../../domain/errors.ts'
import { resourceKey, type ResourceSpec } from '../../domain/resources.ts'
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

/**
 * Resources of one environment by the profile of its placement. Objects that were moved are in an area of the placement, and no
 * longer in one that placements of the environment share. Throws `profile_not_configured` for a profile nobody registered.
 */
export function resourcesOf(input: StrategyInput): ResourceSpec[] {
  const { environment, number, profile, ownStore } = input.placement
  const specs = strategyOf(profile).resources(input)
  if (ownStore !== true) return specs
  const key = resourceKey(environment, 'object-store', number)
  return specs.map((spec) => (spec.kind === 'object-store' ? { ...spec, key, placement: number } : spec))
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
