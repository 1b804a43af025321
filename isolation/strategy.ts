import type { Plan } from '../domain/platform.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import type { Topology, TopologyInput } from '../domain/topology.ts'

/** What the resources of an environment are decided from: plain facts, no I/O. */
export type StrategyInput = TopologyInput & {
  readonly tenant: { readonly id: string }
  readonly plan: Plan
  readonly quotas: Plan['quotas']
}

/** How one profile isolates a tenant; what it says is pure. */
export type Strategy = {
  /** Whether the tenant's key is wrapped by a master key of its own. */
  readonly ownMasterKey: boolean
  /** Where everything of one environment is. */
  topology(input: TopologyInput): Topology
  /** What one environment needs, the parts that its placements share included. */
  resources(input: StrategyInput): ResourceSpec[]
}
