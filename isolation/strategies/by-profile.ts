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
  const own = strategyOf(input.placement.profile).resources(input)
  const shared = sharedBy(input)
  if (shared === undefined) return own
  // Keys are the same whatever the profile.
  const stayed = new Map(shared.resources(input).flatMap((spec) => (spec.placement === 0 ? [[spec.key, spec]] : [])))
  return own.map((spec) => stayed.get(spec.key) ?? spec)
}

/** Topology of one environment by the profile of its placement. Throws `profile_not_configured`. */
export function topologyOf(input: TopologyInput): Topology {
  const own = strategyOf(input.placement.profile).topology(input)
  const shared = sharedBy(input)?.topology(input)
  if (shared === undefined) return own
  const { objectStore, runtime, secrets, events } = shared
  return { ...own, objectStore, runtime, secrets, events }
}

/** The strategy of what a move has left where it was; undefined where there is nothing of the kind. */
function sharedBy({ placement: { profile, sharedAs } }: TopologyInput): Strategy | undefined {
  return sharedAs === null || sharedAs === undefined || sharedAs === profile ? undefined : strategyOf(sharedAs)
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
