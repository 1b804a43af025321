import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify, type KeyObject } from 'node:crypto'

/** A public key as a JSON Web Key (RFC 7517, RFC 8037), to be published. */
export type PublicKey = {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
}

/** Signs in the name of the platform. */
export type Signer = {
  readonly publicKey: PublicKey
  /** The keys of earlier versions, the newest first: derived anew, so that nobody has to be believed about them. */
  readonly earlier: readonly PublicKey[]
  /** Ed25519 signature (RFC 8032) over the text in UTF-8, in base64url. */
  readonly sign: (text: string) => string
}

/** What stands before the 32 bytes of a key in its PKCS #8 form (RFC 8410). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * The signer of this platform: its key is derived from the platform key by HKDF under a label of its own, so every
 * worker and every API has the same one and none is stored. Its id is the thumbprint of the public key (RFC 7638).
 * @param platformKey 32 bytes
 * @param version 1, and one more each time that the signing key is rotated
 */
export function createSigner(platformKey: Buffer, version = 1): Signer {
  const { key, publicKey } = keyOf(platformKey, version)
  const earlier = Array.from({ length: version - 1 }, (_, at) => keyOf(platformKey, version - 1 - at).publicKey)
  return { publicKey, earlier, sign: (text) => sign(null, Buffer.from(text), key).toString('base64url') }
}

function keyOf(platformKey: Buffer, version: number): { key: KeyObject; publicKey: PublicKey } {
  const label = `freehold/event-signing${version === 1 ? '' : `/${version}`}`
  const seed = Buffer.from(hkdfSync('sha256', platformKey, Buffer.alloc(0), label, 32))
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')
  return { key, publicKey: { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' } }
}

/** Whether a signature in base64url is that of this key over the text. */
export function isSignedBy({ kty, crv, x }: PublicKey, text: string, signature: string): boolean {
  const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' })
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))
}
