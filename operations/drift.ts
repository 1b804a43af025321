import { driftOf, type Drift, type Observed } from '../domain/drift.ts'
import { currentPlacement } from '../domain/placement.ts'
import type { Platform } from '../domain/platform.ts'
import type { Sql } from '../registry/sql.ts'
import { readRecords } from './facts.ts'
import { generationInForce, readTenant, type TenantFacts } from './rows.ts'
import { rewrittenLedger, wantedResources } from './wanted-resources.ts'

/** What was compared, and where it differs. */
export type Compared = { readonly tenant: TenantFacts; readonly generation: number; readonly drift: Drift[] }

/**
 * Compares what was observed of a tenant with the ledger and with what the manifest in force asks for. A tenant that could not be
 * made asks for nothing. Throws `plan_not_configured` and `tenant_gone`.
 */
export async function compareObserved(
  sql: Sql,
  platform: Platform,
  tenantId: string,
  observed: readonly Observed[],
): Promise<Compared> {
  const tenant = await readTenant(sql, tenantId)
  const generation = generationInForce(tenant)
  const records = await readRecords(sql, platform, { id: tenant.id, generation })
  const facts = { ...records, tenant, platform }
  const { ledger } = rewrittenLedger(facts)
  const { schema, environments } = records.manifest.spec
  const sides = environments.flatMap(({ name }) => {
    const placement = currentPlacement(records.placements, name)
    return placement === undefined ? [] : [[name, placement.state] as const]
  })
  const desired = tenant.state === 'failed' ? [] : wantedResources(facts)
  const drift = driftOf({
    tenantId: tenant.id,
    desired,
    ledger,
    observed,
    sides: Object.fromEntries(sides),
    appVersion: schema.appVersion,
  })
  return { tenant, generation, drift }
}
