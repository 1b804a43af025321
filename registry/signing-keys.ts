import { canonicalText } from '../crypto/hash-chain.ts'
import { isSignedBy, type PublicKey, type Signer } from '../crypto/signing.ts'
import { platformStream } from '../domain/events.ts'
import { appendTo } from './events.ts'
import type { Sql } from './sql.ts'

type Kept = { id: string; document: string; signature: string }
/** What a key says of itself and of those before it, the newest first. */
type Document = { key: PublicKey; previous: PublicKey[] }

/**
 * Keeps the public key of the signer, when it is a new one, with its event: from then on it counts, and so do those before it,
 * for which it vouches. In a transaction; several processes may do so at once.
 */
export async function keepSigningKey(sql: Sql, { publicKey, sign }: Signer): Promise<void> {
  await sql({ text: `select pg_advisory_xact_lock(hashtext('freehold/signing-keys'))` })
  const kept = await sql<Kept>({
    text: 'select id, document, signature from signing_keys order by created_at desc, id',
  })
  if (kept.some(({ id }) => id === publicKey.kid)) return
  const [last] = kept
  const before = last === undefined ? undefined : (JSON.parse(last.document) as Document)
  const document = canonicalText({
    version: 1,
    key: publicKey,
    previous: before === undefined ? [] : [before.key, ...before.previous],
  })
  await sql({
    text: 'insert into signing_keys (id, document, signature) values ($1, $2, $3)',
    values: [publicKey.kid, document, sign(document)],
  })
  const data = { before: before?.key.kid ?? null, after: publicKey.kid }
  await appendTo(sql, platformStream, [{ type: 'TENANCY_SIGNING_KEY_ADDED', actor: 'system:bootstrap', data }])
}

/**
 * The keys that count: the signer's own, and those it vouched for when it was the first time in use. A row that somebody else
 * has written is none of them.
 */
export async function publicKeys(sql: Sql, { publicKey }: Signer): Promise<PublicKey[]> {
  const [own] = await sql<Kept>({
    name: 'signing-key',
    text: 'select id, document, signature from signing_keys where id = $1',
    values: [publicKey.kid],
  })
  if (own === undefined || !isSignedBy(publicKey, own.document, own.signature)) return [publicKey]
  return [publicKey, ...(JSON.parse(own.document) as Document).previous]
}
