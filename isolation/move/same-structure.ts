import type { Client } from 'pg'
import type { Difference } from './hash.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { compareFingerprints, readFingerprint } from './fingerprint.ts'

type Place = { readonly client: Client; readonly schema: string }

/** How many differences are told; nobody reads more. */
const told = 5

/** Throws `move_schema_changed`, with what differs, unless two schemas are made of the same things. @returns the hash of what they are made of */
export async function requireSameStructure(source: Place, target: Place): Promise<string> {
  const [one, other] = await Promise.all([
    readFingerprint(source.client, source.schema),
    readFingerprint(target.client, target.schema),
  ])
  const found = compareFingerprints(one, other)
  if (found.length === 0) return one.hash
  throw new FreeholdError(
    'move_schema_changed',
    `the two sides are not made of the same things, so that nothing is cut: ${listed(found)}. The target is made by the migration set: write into a migration what was changed by hand, or undo it`,
    { details: found.map(({ object, message }) => ({ path: object, message })) },
  )
}

/** The first few of what was found, as one sentence. */
export function listed(found: readonly Pick<Difference, 'message'>[]): string {
  const more = found.length > told ? `; and ${found.length - told} more` : ''
  return `${found
    .slice(0, told)
    .map(({ message }) => message)
    .join('; ')}${more}`
}
