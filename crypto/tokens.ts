import { createHash, randomBytes, randomInt } from 'node:crypto'

/** A new API key: `fh_` and 256 random bits. Shown once; only its hash is stored. */
export function newApiKey(): string {
  return `fh_${randomBytes(32).toString('base64url')}`
}

/** A new password: 32 random bytes in base64url, which needs no escaping in a URL, a shell or SQL. */
export function newPassword(): string {
  return randomBytes(32).toString('base64url')
}

/** A new shared access key of a bus: 32 random bytes in base64, the form the service asks for. */
export function newBusKey(): string {
  return randomBytes(32).toString('base64')
}

/** SHA-256 in hex. Enough for a key of 256 random bits, which nobody can guess from the hash. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** A new tenant code: 8 random characters of `[a-z0-9]`. */
export function newCode(): string {
  return Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('')
}

/** A number from a text, for rendezvous hashing: the first 48 bits of its SHA-256. */
export function weigh(text: string): number {
  return createHash('sha256').update(text).digest().readUIntBE(0, 6)
}
