import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { FreeholdError } from '../domain/errors.ts'

const keyWrapIv = Buffer.alloc(8, 0xa6)
const nonceBytes = 12
const tagBytes = 16

/**
 * What a tenant key seals, and, the last of them, the platform key; each purpose has a key of its own, derived by HKDF.
 */
export type Purpose = 'secrets' | 'fields' | 'archive' | 'platform-secrets'

/** A fresh 256-bit tenant key. */
export function newKey(): Buffer {
  return randomBytes(32)
}

/** Wraps a 32-byte key with the 32-byte platform key (AES key wrap, RFC 3394); gives 40 bytes. */
export function wrapKey(platformKey: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv('aes256-wrap', platformKey, keyWrapIv)
  return Buffer.concat([cipher.update(key), cipher.final()])
}

/** Undoes `wrapKey`. Throws `secret_unreadable` when the platform key is another one or the bytes were changed. */
export function unwrapKey(platformKey: Buffer, wrapped: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes256-wrap', platformKey, keyWrapIv)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch {
    throw new FreeholdError(
      'secret_unreadable',
      'a tenant key cannot be unwrapped: is FREEHOLD_PLATFORM_KEY the one it was made with?',
    )
  }
}

/** The key of one purpose. */
export function derive(tenantKey: Buffer, purpose: Purpose | 'hash'): Buffer {
  return Buffer.from(hkdfSync('sha256', tenantKey, Buffer.alloc(0), `freehold/${purpose}`, 32))
}

/**
 * Seals a text with AES-256-GCM under the purpose's key.
 * @param context bound as additional data, e.g. `secrets/<tenant>/<name>/<version>`: a sealed value moved elsewhere does not open
 * @returns nonce, tag and ciphertext in one
 */
export function seal(tenantKey: Buffer, purpose: Purpose, context: string, plain: string): Buffer {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', derive(tenantKey, purpose), nonce).setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

/** Opens what `seal` made. Throws `secret_unreadable` for another key, purpose or context, or changed bytes. */
export function open(tenantKey: Buffer, purpose: Purpose, context: string, sealed: Buffer): string {
  try {
    const nonce = sealed.subarray(0, nonceBytes)
    const tag = sealed.subarray(nonceBytes, nonceBytes + tagBytes)
    const decipher = createDecipheriv('aes-256-gcm', derive(tenantKey, purpose), nonce, { authTagLength: tagBytes })
      .setAAD(Buffer.from(context))
      .setAuthTag(tag)
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    throw new FreeholdError('secret_unreadable', `the sealed value ${context} cannot be opened`)
  }
}

/** A hash that only the tenant's key can make: it compares texts that hold personal data and tells nobody what they are. */
export function keyedHash(tenantKey: Buffer, text: string): string {
  return createHmac('sha256', derive(tenantKey, 'hash')).update(text).digest('hex')
}

/**
 * Password of the role that moves tenants, by its name: the same for everybody who has the platform key, so that it is stored
 * nowhere of ours.
 */
export function moverPassword(platformKey: Buffer, role: string): string {
  return Buffer.from(hkdfSync('sha256', platformKey, Buffer.alloc(0), `freehold/mover/${role}`, 32)).toString(
    'base64url',
  )
}
