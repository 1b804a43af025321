import { createHmac, timingSafeEqual } from 'node:crypto'
import { FreeholdError } from '../domain/errors.ts'

/** A message as it is signed: its id, when it was sent in seconds, and its body. */
export type Message = { readonly id: string; readonly timestamp: number; readonly body: string }

const prefix = 'whsec_'
const leastBytes = 24

/**
 * The key behind a shared secret (Standard Webhooks): `whsec_` and base64, or the text itself. Throws
 * `configuration_invalid`, with the name and never the value, for one that can be guessed.
 */
export function signatureKey(secret: string, name: string): Buffer {
  const key = secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret)
  if (key.length >= leastBytes) return key
  throw new FreeholdError('configuration_invalid', `${name} must hold ${leastBytes} bytes or more`)
}

/** Signature of a message, HMAC-SHA-256, in the form of Standard Webhooks. */
export function signMessage(key: Buffer, message: Message): string {
  return `v1,${mac(key, message).toString('base64')}`
}

/** Whether one of the signatures, with blanks between them as of a key that is being changed, is that of the message. */
export function isSigned(key: Buffer, message: Message, signatures: string): boolean {
  const expected = mac(key, message)
  return signatures.split(' ').some((signature) => {
    const [version, value = ''] = signature.split(',')
    const given = Buffer.from(value, 'base64')
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected)
  })
}

function mac(key: Buffer, { id, timestamp, body }: Message): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
}
