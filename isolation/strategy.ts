import { FreeholdError } from '../domain/errors.ts'
import type { Plan } from '../domain/platform.ts'
import type { Placement } from '../domain/placement.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import type { Site } from '../domain/topology.ts'
import { mtStandard } from './strategies/mt-standard.ts'

/** What a strategy decides from: plain facts, no I/O. */
export type StrategyInput = {
  readonly tenant: { readonly id: string; readonly code: string }
  readonly placement: Pick<Placement, 'environment' | 'number' | 'profile' | 'segment'>
  readonly site: Site
  readonly plan: Plan
  readonly quotas: Plan['quotas']
}

/** Says what one environment of a tenant needs; pure. */
export type Strategy = (input: StrategyInput) => ResourceSpec[]

const strategies: Readonly<Record<string, Strategy>> = { 'mt-standard': mtStandard }

/** Resources of one environment by the profile of its placement. Throws `profile_not_configured` for a profile nobody registered. */
export function resourcesOf(input: StrategyInput): ResourceSpec[] {
  const strategy = strategies[input.placement.profile]
  if (strategy === undefined)
    throw new FreeholdError('profile_not_configured', `no isolation strategy for profile "${input.placement.profile}"`)
  return strategy(input)
}
