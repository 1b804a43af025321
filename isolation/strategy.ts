import { FreeholdError } from '../domain/errors.ts'
import type { Plan } from '../domain/platform.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import type { Topology, TopologyInput } from '../domain/topology.ts'
import { mtStandard } from './strategies/mt-standard.ts'

/** What the resources of an environment are decided from: plain facts, no I/O. */
export type StrategyInput = TopologyInput & {
  readonly tenant: { readonly id: string }
  readonly plan: Plan
  readonly quotas: Plan['quotas']
}

/** How one profile isolates a tenant; both are pure. */
export type Strategy = {
  /** Where everything of one environment is. */
  topology(input: TopologyInput): Topology
  /** What one environment needs, the parts that its placements share included. */
  resources(input: StrategyInput): ResourceSpec[]
}

/** One strategy a profile: a new profile is one file and one line here. */
const strategies: Readonly<Record<string, Strategy>> = { 'mt-standard': mtStandard }

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

function strategyOf(profile: string): Strategy {
  const strategy = Object.hasOwn(strategies, profile) ? strategies[profile] : undefined
  if (strategy !== undefined) return strategy
  throw new FreeholdError('profile_not_configured', `no isolation strategy for profile "${profile}"`)
}
