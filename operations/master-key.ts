import { FreeholdError } from '../domain/errors.ts'
import { hasOwnMasterKey } from '../isolation/strategies/by-profile.ts'
import { eventsJson } from '../registry/events.ts'
import { one, type Sql } from '../registry/sql.ts'
import { rewrapped } from '../registry/tenant-keys.ts'
import type { Requester } from './accept.ts'
import type { TenantFacts } from './rows.ts'

/** The master key of a tenant's own, by its id; `before` is the one that is destroyed. */
export type MasterKey = { readonly id: string; readonly before: string | null }

/**
 * Wraps the key of a tenant, which stays as it is, by a new master key. A plain change of the registry that waits for no
 * operation: what a step holds of the tenant's key goes on to work. The tenant is locked by the caller. Throws `not_available` for
 * a profile whose tenants share the platform key.
 */
export async function rotateMasterKey(
  sql: Sql,
  platformKey: Buffer,
  { id: tenant, slug, profile }: TenantFacts,
  { actor, reason, correlationId }: Requester,
): Promise<MasterKey> {
  if (!hasOwnMasterKey(profile))
    throw new FreeholdError(
      'not_available',
      `tenant ${slug} has profile "${profile}", in which the platform key is the master of all; a master key of its own comes with the other profiles`,
    )
  const before = await one(
    sql<{ wrapped: Buffer; master: string | null }>({
      text: 'select wrapped, master from tenant_keys where tenant_id = $1 for update',
      values: [tenant],
    }),
  )
  const { wrapped, master: id } = rewrapped(platformKey, before.wrapped)
  const data = { before: before.master, after: id, ...(reason === undefined ? {} : { reason }) }
  await sql({
    name: 'rotate-master-key',
    text: `with rotated as (update tenant_keys set wrapped = $2, master = $3 where tenant_id = $1)
      select append_events($1::uuid::text, $4::jsonb)`,
    values: [tenant, wrapped, id, eventsJson([{ type: 'TENANCY_KEY_ROTATED', actor, correlationId, data }])],
  })
  return { id: id ?? '', before: before.master }
}
