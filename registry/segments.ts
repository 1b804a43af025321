import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import type { EntityManager } from './orm.ts'

type Pool = NonNullable<Platform['regions'][number]['network']>

const chunk = 256

/** The first free segment at or behind a place in the pool, and before another. */
const firstFree = `
  select segment::text from generate_series(?::bigint, ?::bigint - 1) as place,
    lateral (select set_masklen(network(?::inet) + place * ?::bigint, ?)::cidr as segment) as at
  where not exists (select from placements p where p.segment && at.segment and p.state <> 'released')
  order by place limit 1`

/**
 * A free segment of the region's pool. The search begins where the tenant's code says, so that two at once rarely meet;
 * when they do, the exclusion constraint of the placements refuses the second. Throws `network_exhausted`.
 * @param seed what spreads the tenants over the pool
 */
export async function freeSegment(em: EntityManager, region: string, pool: Pool, seed: string): Promise<string> {
  const bits = pool.segmentPrefix - Number(pool.pool.split('/')[1])
  const count = 2 ** bits
  const size = 2 ** (32 - pool.segmentPrefix)
  const start = Math.floor(weigh(seed) % count)
  // From the start to the end of the pool, then from its beginning, in chunks: a full pool is rare, a long scan is not wanted.
  for (let seen = 0; seen < count;) {
    const from = (start + seen) % count
    const to = Math.min(from + chunk, count, from < start ? start : count)
    const [free] = await em.execute<{ segment: string }[]>(firstFree, [from, to, pool.pool, size, pool.segmentPrefix])
    if (free !== undefined) return free.segment
    seen += to - from
  }
  throw new FreeholdError(
    'network_exhausted',
    `all ${count} segments of the pool ${pool.pool} of region "${region}" are taken; enlarge the pool in the platform file`,
  )
}
