import { createPublicKey, verify } from 'node:crypto'
import type { PublicSigningKey } from './audit-records.ts'

/** What the platform signed: the text as it is, by which key. */
export type Signed = { readonly document: string; readonly signature: string; readonly keyId: string }

/** Whether it is signed by one of these keys (Ed25519, RFC 8032, in base64url); one that lacks a part, or whose key is none, is not. */
export function isGenuine({ document, signature, keyId }: Signed, keys: readonly PublicSigningKey[]): boolean {
  const key = keys.find(({ kid }) => kid === keyId)
  if (key === undefined || typeof document !== 'string' || typeof signature !== 'string') return false
  const { kty, crv, x } = key
  try {
    const publicKey = createPublicKey({ key: { kty, crv, x }, format: 'jwk' })
    return verify(null, Buffer.from(document), publicKey, Buffer.from(signature, 'base64url'))
  } catch {
    // What is no key proves nothing.
    return false
  }
}
