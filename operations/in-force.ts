import { isDeepStrictEqual } from 'node:util'
import type { Contact, ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import { readSealer } from '../registry/tenant-keys.ts'
import { one, type Sql } from '../registry/sql.ts'
import { wishHash } from './create-tenant.ts'
import type { TenantFacts } from './rows.ts'

type Row = { resolved: ResolvedManifest; contacts: Buffer; wishHash: string | null }

/**
 * Whether a manifest asks for what is in force: the same wish as the one accepted, by its stored hash, or the same once
 * defaults are filled in. The first matters because defaults are frozen: a newer migration set does not make an old
 * manifest another one, and no rule of today is applied to yesterday's text.
 */
export async function isInForce(
  sql: Sql,
  platformKey: Buffer,
  { id, generation }: TenantFacts,
  manifest: Manifest,
  resolve: () => Promise<{ resolved: ResolvedManifest; contacts: readonly Contact[] }>,
): Promise<boolean> {
  const row = await one(
    sql<Row>({
      text: 'select resolved, contacts, wish_hash as "wishHash" from generations where tenant_id = $1 and number = $2',
      values: [id, generation],
    }),
  )
  const sealer = await readSealer(sql, platformKey, id)
  if (row.wishHash === wishHash(sealer, manifest)) return true
  const { resolved, contacts } = await resolve()
  const known: unknown = JSON.parse(sealer.open('fields', `generations/${generation}/contacts`, row.contacts))
  // Compared as JSON, so that an absent field and an undefined one are the same.
  return isDeepStrictEqual(JSON.parse(JSON.stringify({ resolved, contacts })), {
    resolved: row.resolved,
    contacts: known,
  })
}
