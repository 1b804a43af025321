import { goneStatus } from '../registry/idempotency.ts'
import { one, type Sql } from '../registry/sql.ts'

/** What was destroyed of a key: enough to recognise it by, and nothing to open anything with. */
export type Erased = {
  readonly keyFingerprint: string | null
  /** Id of the master key of its own that went with it. */
  readonly masterKey: string | null
}

/**
 * Destroys the key of a tenant, so that whatever was sealed with it, here or in a copy, can be read by nobody any more; and what
 * the registry still says of the tenant beyond its tombstone: name, labels, manifests, kept answers and parameters. The tombstone
 * (id, code, slug, times), operations and the trail stay.
 */
export async function eraseTenant(sql: Sql, tenant: string): Promise<Erased> {
  const erased = await one(
    sql<Erased>({
      name: 'erase-tenant',
      text: `with shredded as (
          delete from secrets where tenant_id = $1
        ), destroyed as (
          delete from tenant_keys where tenant_id = $1 returning encode(sha256(wrapped), 'hex') as fingerprint, master
        ), forgotten as (
          delete from generations where tenant_id = $1
        ), unanswered as (
          -- That there was an answer stays, or the same call would be a new one, of a new tenant or for another of that slug.
          update idempotency_records set request_hash = '', status = ${goneStatus}, headers = '{}', body = '{}'
          where body #>> '{tenant,id}' = $1::text or body #>> '{operation,tenant,id}' = $1::text
        ), unasked as (
          update operations set parameters = '{}' where tenant_id = $1 and parameters <> '{}'
        ), nameless as (
          update tenants set name = '', labels = '{}', purge_after = null, state_before = null where id = $1
        )
        select (select fingerprint from destroyed) as "keyFingerprint", (select master from destroyed) as "masterKey"`,
      values: [tenant],
    }),
  )
  return erased
}
