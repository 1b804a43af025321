import { canonicalText } from '../crypto/hash-chain.ts'
import type { Contact, ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { Sealer } from '../registry/tenant-keys.ts'

/** A manifest as it was given, and as it is going to be in force. */
export type Wish = {
  readonly manifest: Manifest
  readonly text: string
  readonly resolved: ResolvedManifest
  readonly contacts: readonly Contact[]
}

/** A manifest as it is stored; the contacts are sealed. */
export type StoredManifest = {
  readonly number: number
  readonly resolved: ResolvedManifest
  readonly contacts: Buffer
  readonly wishHash: string | null
}

/** The manifest of one generation of a tenant. */
export function readManifestOf(sql: Sql, tenant: string, generation: number): Promise<StoredManifest> {
  return one(
    sql<StoredManifest>({
      name: 'stored-manifest',
      text: `select number, resolved, contacts, wish_hash as "wishHash" from generations
        where tenant_id = $1 and number = $2`,
      values: [tenant, generation],
    }),
  )
}

/** The contacts of a stored manifest. */
export function contactsOf(sealer: Sealer, { number, contacts }: StoredManifest): Contact[] {
  return JSON.parse(sealer.open('fields', `generations/${number}/contacts`, contacts)) as Contact[]
}

/** What is stored of a manifest: resolved, and under the tenant's key its text, its contacts and the hash of the wish. */
export function sealedWish(sealer: Sealer, generation: number, wish: Wish): [string, Buffer, Buffer, string] {
  return [
    JSON.stringify(wish.resolved),
    sealer.seal('fields', `generations/${generation}/raw`, wish.text),
    sealer.seal('fields', `generations/${generation}/contacts`, JSON.stringify(wish.contacts)),
    wishHash(sealer, wish.manifest),
  ]
}

/** What tells one wish from another, whatever today's rules say of either. */
export function wishHash(sealer: Sealer, manifest: Manifest): string {
  return sealer.hash(canonicalText(JSON.parse(JSON.stringify(manifest))))
}
