import { keyedHash, newKey, open, seal, unwrapKey, wrapKey, type Purpose } from '../crypto/envelope.ts'
import { openStream, sealStream } from '../crypto/sealed-stream.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Sql } from './sql.ts'

/** Seals and opens texts of one tenant; `context` says what the text is and binds it to its place. */
export type Sealer = {
  seal(purpose: Purpose, context: string, plain: string): Buffer
  open(purpose: Purpose, context: string, sealed: Buffer): string
  /** Hash of a text, by which it can be compared and not guessed. */
  hash(text: string): string
  /** The same for a stream of any length, of an archive. */
  sealStream(context: string, plain: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  openStream(context: string, sealed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

function sealerWith(key: Buffer, tenant: string): Sealer {
  return {
    seal: (purpose, context, plain) => seal(key, purpose, `${tenant}/${context}`, plain),
    open: (purpose, context, sealed) => open(key, purpose, `${tenant}/${context}`, sealed),
    hash: (text) => keyedHash(key, text),
    sealStream: (context, plain) => sealStream(key, `${tenant}/${context}`, plain),
    openStream: (context, sealed) => openStream(key, `${tenant}/${context}`, sealed),
  }
}

/** A new key for a tenant: wrapped by the platform key, to be stored, and a sealer with it. */
export function newTenantKey(platformKey: Buffer, tenant: string): { wrapped: Buffer; sealer: Sealer } {
  const key = newKey()
  return { wrapped: wrapKey(platformKey, key), sealer: sealerWith(key, tenant) }
}

/**
 * A sealer with a tenant's key as it is stored, null when it is no longer. Throws `secret_unreadable` when the key was
 * destroyed or the platform key is another one.
 */
export function sealerOf(platformKey: Buffer, tenant: string, wrapped: Buffer | null): Sealer {
  if (wrapped === null) throw new FreeholdError('secret_unreadable', `the key of tenant ${tenant} was destroyed`)
  return sealerWith(unwrapKey(platformKey, wrapped), tenant)
}

/** A sealer with the tenant's key. Throws as `sealerOf`. */
export async function readSealer(sql: Sql, platformKey: Buffer, tenant: string): Promise<Sealer> {
  const [row] = await sql<{ wrapped: Buffer }>({
    name: 'tenant-key',
    text: 'select wrapped from tenant_keys where tenant_id = $1',
    values: [tenant],
  })
  return sealerOf(platformKey, tenant, row?.wrapped ?? null)
}
