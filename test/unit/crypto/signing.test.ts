import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSigner, isSignedBy } from '../../../crypto/signing.ts'

const platformKey = Buffer.alloc(32, 7)

test('a signature verifies with the published key, for this text alone', () => {
  const { publicKey, sign } = createSigner(platformKey)
  const key = createPublicKey({ key: publicKey, format: 'jwk' })
  const signature = Buffer.from(sign('Zürich'), 'base64url')
  expect(verify(null, Buffer.from('Zürich'), key, signature)).toBe(true)
  expect(verify(null, Buffer.from('Zurich'), key, signature)).toBe(false)
})

test('the same platform key gives the same signing key, another one another, and neither is the platform key', () => {
  const [one, again, other] = [platformKey, Buffer.from(platformKey), Buffer.alloc(32, 8)].map((key) =>
    createSigner(key),
  )
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

test('a version of the signing key is a key of its own, and the first is the one there always was', () => {
  const [first, second] = [createSigner(platformKey, 1), createSigner(platformKey, 2)]
  expect(first.publicKey).toEqual(createSigner(platformKey).publicKey)
  expect(second.publicKey.kid).not.toBe(first.publicKey.kid)
  const signature = second.sign('Zürich')
  expect(isSignedBy(second.publicKey, 'Zürich', signature)).toBe(true)
  expect(isSignedBy(first.publicKey, 'Zürich', signature)).toBe(false)
  expect(isSignedBy(second.publicKey, 'Zurich', signature)).toBe(false)
  expect(isSignedBy(second.publicKey, 'Zürich', 'no signature')).toBe(false)
})
