import { z } from 'zod'
import { readToken, signToken } from '../../../crypto/scoped-token.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { permissions, type Area, type Permission } from './port.ts'

const claimsSchema = z.object({
  area: z.string(),
  permissions: z.array(z.enum(permissions)),
  /** Seconds since 1970. */
  expires: z.number(),
})

const name = ({ container, prefix }: Area) => `${container}/${prefix}`

/** Makes a credential for one area; the expiry is in seconds from `now`. Throws `invalid_request` for one that is not positive. */
export function issueCredential(
  area: Area,
  signingKey: string,
  grant: { permissions: readonly Permission[]; expiresInSeconds: number; now: Date },
): string {
  if (!(grant.expiresInSeconds > 0))
    throw new FreeholdError('invalid_request', 'a credential must expire a positive number of seconds from now')
  const expires = Math.floor(grant.now.getTime() / 1000 + grant.expiresInSeconds)
  return signToken(signingKey, { area: name(area), permissions: grant.permissions, expires })
}

/** Throws `unauthenticated` unless the credential is of this key and area and not expired, `forbidden` unless it allows `wanted`. */
export function checkCredential(
  area: Area,
  access: { credential: string; signingKey: string; now: () => Date },
  wanted: Permission,
): void {
  const claims = claimsSchema.safeParse(readToken(access.signingKey, access.credential)).data
  if (claims === undefined || claims.area !== name(area))
    throw new FreeholdError('unauthenticated', 'the credential is not one of this object area')
  if (claims.expires * 1000 <= access.now().getTime())
    throw new FreeholdError('unauthenticated', 'the credential of this object area has expired; fetch a new one')
  if (!claims.permissions.includes(wanted))
    throw new FreeholdError('forbidden', `the credential of this object area does not allow to ${wanted}`)
}
