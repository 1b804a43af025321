import type { TenantState } from './lifecycle.ts'
import type { ResolvedManifest } from './manifest-resolve.ts'
import type { Placement } from './placement.ts'
import type { Topology } from './topology.ts'

/**
 * The tenant context: the one document every downstream service consumes, the same for all profiles. Pure, so two
 * readers of the same facts get the same bytes and the same ETag.
 */
export function tenantContext(
  tenant: { id: string; slug: string; code: string; dataKey: string; state: TenantState; suspended: boolean },
  { spec }: ResolvedManifest,
  placement: Omit<Placement, 'bus'>,
  topology: Topology,
) {
  return {
    version: 1 as const,
    tenantId: tenant.id,
    slug: tenant.slug,
    environment: placement.environment,
    region: spec.region,
    // The latch is set before the doors are closed: whoever watches learns of it first.
    state: tenant.state === 'active' && tenant.suspended ? ('suspending' as const) : tenant.state,
    profile: placement.profile,
    epoch: placement.epoch,
    dataKey: tenant.dataKey,
    plan: spec.plan,
    topology,
    policy: spec.policies,
    quotas: spec.quotas,
    features: spec.features,
    settings: spec.settings,
  }
}
export type TenantContext = ReturnType<typeof tenantContext>
