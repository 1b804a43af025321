import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

/** PostgreSQL's own default (`scram_iterations`), and the least that some clients take (the JDBC driver is one). */
const usual = 4096

/**
 * For a password of 256 random bits that only our own client uses. Iterations make each guess at a weak password dearer;
 * nobody gets anywhere by guessing at 256 bits, however cheap a guess is.
 */
export const fewIterations = 1

const derive = promisify(pbkdf2)

/**
 * SCRAM-SHA-256 verifier of a password (RFC 5802, RFC 7677) in the form PostgreSQL stores:
 * `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`. Sent in place of the password, so that no statement, log
 * or statistics view of the server ever holds the clear text.
 * @param password printable ASCII; for other characters client and server would have to agree on SASLprep. Throws `TypeError`
 * @param options `salt`: 16 random bytes unless given; `iterations`: fewer than the usual 4,096 only for random passwords
 */
export async function scramVerifier(
  password: string,
  { salt = randomBytes(16), iterations = usual }: { salt?: Buffer; iterations?: number } = {},
): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new TypeError('a database password must be printable ASCII')
  const salted = await derive(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`
}
