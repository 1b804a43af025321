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
 * for which it vouches; not for a row that is of no earlier version of its own. In a transaction; several processes may do so
 * at once.
 */
export async function keepSigningKey(sql: Sql, { publicKey, earlier, sign }: Signer): Promise<void> {
  await sql({ text: `select pg_advisory_xact_lock(hashtext('freehold/signing-keys'))` })
  const kept = new Set((await sql<Pick<Kept, 'id'>>({ text: 'select id from signing_keys' })).map(({ id }) => id))
  if (kept.has(publicKey.kid)) return
  const previous = earlier.filter(({ kid }) => kept.has(kid))
  const document = canonicalText({ version: 1, key: publicKey, previous })
  await sql({
    text: 'insert into signing_keys (id, document, signature) values ($1, $2, $3)',
    values: [publicKey.kid, document, sign(document)],
  })
  const data = { before: previous[0]?.kid ?? null, after: publicKey.kid }
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
