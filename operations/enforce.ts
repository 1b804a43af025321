import type { NewEvent } from '../domain/events.ts'
import type { Sql } from '../registry/sql.ts'
import { fenceEnvironments, openPlacements } from './doors.ts'
import { dropped } from './environments.ts'
import { assertMayLose } from './legal-hold.ts'
import { readManifestOf } from './manifests.ts'
import { operationEvent } from './operation-event.ts'
import type { LockedOperation } from './rows.ts'

/** Whether the manifest of an update is in force already, so that it can only go forward. */
export function isPutInForce({ operation, tenant }: LockedOperation): boolean {
  return tenant.observedGeneration === operation.generation
}

/**
 * Puts the manifest of an operation in force: what is told of the tenant is by it, its new environments are open, and those that
 * it does not name are closed. Gives the events of it; none when that was done before.
 */
export async function enforceManifest(sql: Sql, held: LockedOperation): Promise<NewEvent[]> {
  const { operation, tenant } = held
  if (isPutInForce(held)) return []
  const { resolved } = await readManifestOf(sql, tenant.id, operation.generation)
  await tellManifest(sql, tenant.id, operation.generation)
  await sql({
    name: 'put-in-force-rows',
    text: `with kept as (
        update resources set spec_before = null where tenant_id = $1 and spec_before is not null
      )
      delete from conditions where tenant_id = $1 and type = 'UpdateFailed'`,
    values: [tenant.id],
  })
  const closed = await dropped(sql, tenant, resolved)
  // A hold that came after the manifest was accepted.
  await assertMayLose(sql, tenant, closed)
  const { generation } = operation
  return [
    operationEvent(operation, 'system:worker', 'TENANCY_MANIFEST_IN_FORCE', {
      generation,
      before: tenant.observedGeneration,
    }),
    ...(await openPlacements(sql, held, 'standby')),
    ...(closed.length === 0 ? [] : await fenceEnvironments(sql, held, closed)),
  ]
}

/** Writes what is told of a tenant as a manifest says it, and that this generation is in force. */
export async function tellManifest(sql: Sql, tenant: string, generation: number): Promise<void> {
  await sql({
    name: 'tell-manifest',
    text: `update tenants t set observed_generation = $2, name = g.resolved #>> '{metadata,name}',
        labels = g.resolved #> '{metadata,labels}', plan = g.resolved #>> '{spec,plan}', updated_at = now()
      from generations g where t.id = $1 and g.tenant_id = t.id and g.number = $2`,
    values: [tenant, generation],
  })
}
