import { FreeholdError } from '../../../domain/errors.ts'

/** Name inside an area that is the store's own: owner tag and unfinished writes. */
export const reservedName = '.freehold'

const maxKeyBytes = 1024
const maxSegmentBytes = 255

/**
 * Splits an object key, or a container or prefix, into path segments that cannot lead out of the folder they are joined to.
 * Throws `invalid_request` for an absolute path, empty or dotted segments, backslashes, control characters, lone
 * surrogates, more than 1024 bytes in all or 255 in a segment, and for the reserved name in first place.
 */
export function keySegments(key: string): string[] {
  const segments = key.split('/')
  const sound = segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..' && short(segment))
  if (!sound || /[\\\p{Cc}\p{Cs}]/u.test(key) || Buffer.byteLength(key) > maxKeyBytes)
    throw new FreeholdError(
      'invalid_request',
      `${JSON.stringify(key.slice(0, 80))} cannot be the key of an object: write names with / between them, without . or .. and control characters`,
    )
  if (segments[0]?.toLowerCase().startsWith(reservedName))
    throw new FreeholdError('invalid_request', `keys that begin with ${reservedName} are reserved`)
  return segments
}

function short(segment: string): boolean {
  return Buffer.byteLength(segment) <= maxSegmentBytes
}
