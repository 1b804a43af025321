import type { PlanStep } from '../domain/operation.ts'
import { FreeholdError } from '../domain/errors.ts'
import { textAt } from '../domain/json.ts'
import type { Platform } from '../domain/platform.ts'
import { provisionSteps, removalSteps, rotationSteps } from '../domain/plan.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import { resourcesOf as strategyResources } from '../isolation/strategy.ts'
import { siteOf } from '../registry/cells.ts'
import { Placement } from '../registry/entities/placement.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { TenantRow } from '../registry/entities/tenant.ts'
import * as ledger from '../registry/ledger.ts'
import type { EntityManager } from '../registry/orm.ts'
import { readGeneration } from '../registry/tenants.ts'

/** What an operation is going to do: resources to enter in the ledger first, then the steps. */
export type Plan = { resources: ResourceSpec[]; steps: PlanStep[] }

/** Plans an operation from what is recorded; changes nothing. */
export async function planOperation(
  em: EntityManager,
  platform: Platform,
  tenant: TenantRow,
  operation: OperationRow,
): Promise<Plan> {
  switch (operation.kind) {
    case 'provision': {
      const resources = await wantedResources(em, platform, tenant, operation.generation)
      const { resolved } = await readGeneration(em, tenant.id, operation.generation)
      return { resources, steps: provisionSteps(resources, resolved.spec.schema.appVersion) }
    }
    case 'purge':
      return { resources: [], steps: removalSteps(await recorded(em, tenant.id)) }
    case 'rotate-credentials':
      return {
        resources: [],
        steps: rotationSteps(await recorded(em, tenant.id), textAt(operation.parameters, 'environment')),
      }
  }
}

/** What undoing an operation takes: every resource in the ledger that this operation made, in reverse. */
export async function planUndo(em: EntityManager, operation: OperationRow): Promise<PlanStep[]> {
  const rows = await ledger.resourcesOf(em, operation.tenant)
  return removalSteps(rows.filter((row) => row.createdBy === operation.id).map((row) => row.spec))
}

async function recorded(em: EntityManager, tenantId: string): Promise<ResourceSpec[]> {
  return (await ledger.resourcesOf(em, tenantId)).map((row) => row.spec)
}

async function wantedResources(
  em: EntityManager,
  platform: Platform,
  tenant: TenantRow,
  generation: number,
): Promise<ResourceSpec[]> {
  const { resolved } = await readGeneration(em, tenant.id, generation)
  const plan = platform.plans.find(({ name }) => name === resolved.spec.plan)
  if (plan === undefined)
    throw new FreeholdError('plan_not_configured', `plan "${resolved.spec.plan}" is no longer in the platform file`)
  const placements = await em.find(
    Placement,
    { tenant: tenant.id, state: { $ne: 'released' } },
    { orderBy: { environment: 'asc' } },
  )
  const { quotas } = resolved.spec
  const resources: ResourceSpec[] = []
  for (const placement of placements) {
    const site = await siteOf(em, platform, plan.name, placement)
    resources.push(...strategyResources({ tenant, placement, site, plan, quotas }))
  }
  return resources
}
