import { managedBus } from '../base/bus-administration.ts'
import type { Target } from '../isolation/mapper.ts'
import type { Claim } from '../operations/claim.ts'
import { busFacts, cellFacts } from '../registry/cells.ts'
import { readPlatformSecret } from '../registry/platform-secrets.ts'
import { sealerOf, type Sealer } from '../registry/tenant-keys.ts'
import { sqlOf } from '../registry/pool.ts'
import { claimedSecrets } from '../registry/secrets.ts'
import type { ActivityDeps } from './deps.ts'

/** Of a claim what a mapper needs to know. */
type Subject = Pick<Claim, 'spec' | 'tenantId' | 'epoch' | 'fence' | 'cell' | 'bus' | 'wrappedKey'> &
  Pick<Target, 'birth'>

/**
 * What a mapper is given to work on what was claimed; the credential its kind needs is resolved just now.
 * @param timeoutMs how long its verb may take
 */
export async function targetOf(
  { orm, platformKey, resolveSecret }: ActivityDeps,
  subject: Subject,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Target> {
  const { spec, tenantId, epoch, fence, birth, cell, bus } = subject
  const sql = sqlOf(orm.pool)
  // Only what this kind needs: a credential that cannot be read must not keep the others from being removed.
  const provisionerUrl = spec.kind === 'database' ? await resolveSecret(cell.declaration.database.credential) : ''
  const secret = spec.kind === 'database' ? spec.properties.serverSecret : null
  const server = secret === null ? undefined : { secret, url: await readPlatformSecret(sql, platformKey, secret) }
  const managed = bus === null ? undefined : { ...busFacts(bus), ...(await managedBus(bus.declaration, resolveSecret)) }
  return {
    spec,
    tenantId,
    epoch,
    fence,
    birth,
    signal,
    timeoutMs,
    cell: { ...cellFacts(cell), provisionerUrl, server },
    bus: managed,
    secrets: claimedSecrets(sql, tenantId, () => sealerFor(platformKey, subject), {
      key: spec.key,
      fence,
    }),
  }
}

/** A sealer with the key of the tenant that something was claimed of. Throws as `sealerOf`. */
export function sealerFor(
  platformKey: Buffer,
  { tenantId, wrappedKey }: Pick<Claim, 'tenantId' | 'wrappedKey'>,
): Sealer {
  return sealerOf(platformKey, tenantId, wrappedKey === null ? null : Buffer.from(wrappedKey, 'base64'))
}
