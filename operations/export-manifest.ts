import { exportManifest } from '../domain/manifest-export.ts'
import type { Manifest } from '../domain/manifest.ts'
import { appendTo } from '../registry/events.ts'
import type { Sql } from '../registry/sql.ts'
import { readSealer } from '../registry/tenant-keys.ts'
import { lockTenant, type Requester } from './accept.ts'
import { contactsOf, readManifestOf } from './manifests.ts'
import { generationInForce } from './rows.ts'

/** A manifest that asks for what is in force, and whose it is. */
export type Exported = { readonly tenant: string; readonly generation: number; readonly manifest: Manifest }

/**
 * The manifest in force of a tenant, as it can be applied; its contacts are personal data, so that somebody was given them is an
 * event. Throws `tenant_not_found` and `tenant_gone`.
 */
export async function exportTenant(
  sql: Sql,
  platformKey: Buffer,
  idOrSlug: string,
  { actor, correlationId }: Requester,
): Promise<Exported> {
  const tenant = await lockTenant(sql, idOrSlug)
  const generation = generationInForce(tenant)
  const stored = await readManifestOf(sql, tenant.id, generation)
  const contacts = contactsOf(await readSealer(sql, platformKey, tenant.id), stored)
  const data = { generation, contacts: contacts.length }
  await appendTo(sql, tenant.id, [{ type: 'TENANCY_MANIFEST_EXPORTED', actor, correlationId, data }])
  return { tenant: tenant.id, generation, manifest: exportManifest(stored.resolved, contacts) }
}
