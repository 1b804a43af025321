import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSigner } from '../../../crypto/signing.ts'

const platformKey = Buffer.alloc(32, 7)

test('a signature verifies with the published key, for this text alone', () => {
  const { publicKey, sign } = createSigner(platformKey)
  const key = createPublicKey({ key: publicKey, format: 'jwk' })
  const signature = Buffer.from(sign('Zürich'), 'base64url')
  expect(verify(null, Buffer.from('Zürich'), key, signature)).toBe(true)
  expect(verify(null, Buffer.from('Zurich'), key, signature)).toBe(false)
})

test('the same platform key gives the same signing key, another one another, and neither is the platform key', () => {
  const [one, again, other] = [platformKey, Buffer.from(platformKey), Buffer.alloc(32, 8)].map(createSigner)
  expect(again?.publicKey).toEqual(one?.publicKey)
  expect(again?.sign('x')).toBe(one?.sign('x'))
  expect(other?.publicKey.kid).not.toBe(one?.publicKey.kid)
  expect(Object.keys(one?.publicKey ?? {})).not.toContain('d')
})

test('the id of a key is its thumbprint by RFC 7638', async () => {
  const { publicKey } = createSigner(platformKey)
  const required = JSON.stringify({ crv: publicKey.crv, kty: publicKey.kty, x: publicKey.x })
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(required))
  expect(publicKey.kid).toBe(Buffer.from(digest).toString('base64url'))
  expect(publicKey).toMatchObject({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA' })
})
