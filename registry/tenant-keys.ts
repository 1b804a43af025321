import { randomUUID } from 'node:crypto'
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

/** Bytes of a wrapped key. */
const wrappedBytes = 40

/** How a tenant's key is stored: wrapped, and the id of the master key of its own, if that wraps it. */
export type StoredKey = { readonly wrapped: Buffer; readonly master: string | null }

/**
 * A new key for a tenant, to be stored, and a sealer with it.
 * @param isOwn whether a master key of the tenant's own wraps it
 */
export function newTenantKey(
  platformKey: Buffer,
  tenant: string,
  { isOwn }: { isOwn: boolean },
): StoredKey & { sealer: Sealer } {
  const key = newKey()
  const stored = isOwn ? underNewMaster(platformKey, key) : { wrapped: wrapKey(platformKey, key), master: null }
  return { ...stored, sealer: sealerWith(key, tenant) }
}

/**
 * The same tenant key under a new master key of the tenant's own; the one before, which is kept nowhere, is destroyed with what
 * this replaces. Throws `secret_unreadable` when the platform key is another one.
 */
export function rewrapped(platformKey: Buffer, wrapped: Buffer): StoredKey {
  return underNewMaster(platformKey, unwrapped(platformKey, wrapped))
}

/** The master key stands before what it wraps, so that the two are one value, which is written and destroyed at once. */
function underNewMaster(platformKey: Buffer, key: Buffer): StoredKey {
  const master = newKey()
  return { wrapped: Buffer.concat([wrapKey(platformKey, master), wrapKey(master, key)]), master: randomUUID() }
}

function unwrapped(platformKey: Buffer, wrapped: Buffer): Buffer {
  const first = unwrapKey(platformKey, wrapped.subarray(0, wrappedBytes))
  return wrapped.length === wrappedBytes ? first : unwrapKey(first, wrapped.subarray(wrappedBytes))
}

/**
 * A sealer with a tenant's key as it is stored, null when it is no longer. Throws `secret_unreadable` when the key was
 * destroyed or the platform key is another one.
 */
export function sealerOf(platformKey: Buffer, tenant: string, wrapped: Buffer | null): Sealer {
  if (wrapped === null) throw new FreeholdError('secret_unreadable', `the key of tenant ${tenant} was destroyed`)
  return sealerWith(unwrapped(platformKey, wrapped), tenant)
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
