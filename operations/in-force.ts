import { sameJson } from '../domain/json.ts'
import { exportManifest } from '../domain/manifest-export.ts'
import type { Contact, ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import { readSealer } from '../registry/tenant-keys.ts'
import { one, type Sql } from '../registry/sql.ts'
import { contactsOf, readManifestOf, wishHash } from './manifests.ts'
import { isOpenNow, type TenantFacts } from './rows.ts'

type Resolve = () => Promise<{ resolved: ResolvedManifest; contacts: readonly Contact[] }>
type Of = Pick<TenantFacts, 'id' | 'generation' | 'observedGeneration'>

/**
 * Whether a manifest asks for what was accepted last, so that there is nothing to do: it is in force, or an operation is about to
 * put it in force. One that an update could not put in force is to be tried again.
 */
export async function isInForce(
  sql: Sql,
  platformKey: Buffer,
  tenant: Of,
  manifest: Manifest,
  resolve: Resolve,
): Promise<boolean> {
  return !(await wasGivenUp(sql, tenant)) && (await isNewest(sql, platformKey, tenant, manifest, resolve))
}

/** Whether an update to the newest manifest has ended without it; of a tenant that was never made, there is nothing to fall back to. */
async function wasGivenUp(sql: Sql, { id, generation, observedGeneration }: Of): Promise<boolean> {
  if (observedGeneration === 0 || observedGeneration === generation) return false
  const { isOpen } = await one(
    sql<{ isOpen: boolean }>({
      text: `select exists (select from operations
        where tenant_id = $1 and kind = 'update' and generation = $2 and ${isOpenNow}) as "isOpen"`,
      values: [id, generation],
    }),
  )
  return !isOpen
}

/**
 * The same wish as the one accepted, by its stored hash; or what an export of it gives; or the same once defaults are filled in.
 * The first two matter because defaults are frozen: a newer migration set does not make an old manifest another one, and no
 * rule of today is applied to yesterday's text.
 */
async function isNewest(sql: Sql, platformKey: Buffer, { id, generation }: Of, manifest: Manifest, resolve: Resolve) {
  const stored = await readManifestOf(sql, id, generation)
  const sealer = await readSealer(sql, platformKey, id)
  if (stored.wishHash === wishHash(sealer, manifest)) return true
  const known = { resolved: stored.resolved, contacts: contactsOf(sealer, stored) }
  if (sameJson(manifest, exportManifest(known.resolved, known.contacts))) return true
  return sameJson(await resolve(), known)
}
