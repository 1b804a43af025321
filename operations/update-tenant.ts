import { assertChangeable } from '../domain/immutable.ts'
import type { Platform } from '../domain/platform.ts'
import { fieldsBetween } from '../domain/preview.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { appendTo } from '../registry/events.ts'
import { readSealer } from '../registry/tenant-keys.ts'
import type { Sql } from '../registry/sql.ts'
import { acceptOperation, assertMayStart, type Requester } from './accept.ts'
import { dropped, enterEnvironments } from './environments.ts'
import { assertMayLose } from './legal-hold.ts'
import { contactsOf, readManifestOf, sealedWish, type Wish } from './manifests.ts'
import { operationEvent } from './operation-event.ts'
import { takeChosen } from './places.ts'
import { generationInForce, type TenantFacts } from './rows.ts'

/** What a changed manifest of a tenant leads to: one that was never made is provisioned by it. */
export function kindOfChange({ observedGeneration }: Pick<TenantFacts, 'observedGeneration'>): 'provision' | 'update' {
  return observedGeneration === 0 ? 'provision' : 'update'
}

/**
 * Accepts another manifest of a tenant that the caller has locked: the next generation, places for environments that are new,
 * and the operation that puts it in force. Until then the one before stays so. Throws what `acceptOperation` and
 * `assertChangeable` throw, `legal_hold` where an environment would go, `cell_exhausted`, `bus_exhausted` and `network_exhausted`; and `RoomTaken` when others were faster,
 * for the caller to begin again.
 */
export async function updateTenant(
  sql: Sql,
  { platform, platformKey }: { platform: Platform; platformKey: Buffer },
  tenant: TenantFacts,
  wish: Wish,
  requester: Requester,
): Promise<OperationRow> {
  const kind = kindOfChange(tenant)
  await assertMayStart(sql, kind, tenant)
  const current = await readManifestOf(sql, tenant.id, generationInForce(tenant))
  assertChangeable(current.resolved, wish.resolved, { wasMade: kind === 'update' })
  if (kind === 'update') await assertMayLose(sql, tenant, await dropped(sql, tenant, wish.resolved))
  const sealer = await readSealer(sql, platformKey, tenant.id)
  const generation = tenant.generation + 1
  await sql({
    name: 'next-generation',
    text: `with generation as (
        insert into generations (tenant_id, number, resolved, raw, contacts, wish_hash)
        values ($1, $2, $3::jsonb, $4, $5, $6)
      )
      update tenants set generation = $2, updated_at = now() where id = $1`,
    values: [tenant.id, generation, ...sealedWish(sealer, generation, wish)],
  })
  const places = await enterEnvironments(sql, platform, tenant, wish.resolved)
  const operation = await acceptOperation(sql, { ...tenant, generation }, { kind, generation }, requester)
  const known = { resolved: current.resolved, contacts: contactsOf(sealer, current) }
  const event = operationEvent(operation, requester.actor, 'TENANCY_MANIFEST_ACCEPTED', {
    before: tenant.generation,
    generation,
    placements: places.map((place) => ({ ...place, state: 'standby', epoch: 1, before: null })),
    fields: fieldsBetween(known, wish).map(({ path }) => path),
    environments: wish.resolved.spec.environments.map(({ name }) => name),
  })
  await appendTo(sql, tenant.id, [event])
  await takeChosen(sql, tenant.id, places)
  return operation
}
