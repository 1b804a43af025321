import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import type { EntityManager } from './orm.ts'

type Pool = NonNullable<Platform['regions'][number]['network']>

const firstChunk = 16

/** The first free segment at or behind a place in the pool, and before another. */
const firstFree = `
  select segment::text from generate_series(?::bigint, ?::bigint - 1) as place,
    lateral (select set_masklen(network(?::inet) + place * ?::bigint, ?)::cidr as segment) as at
  where not exists (select from placements p where p.segment && at.segment and p.state <> 'released')
  order by place limit 1`

/**
 * A free segment of the region's pool, kept for the caller until its transaction ends: the next one waits, so that two
 * accepted at once are not given the same. What the exclusion constraint of the placements refuses after that overlaps in
 * another region, or was written by other hands. The search begins where the seed says, so that neighbours in the pool are
 * not neighbours in time; it looks at what is taken, not at how it was cut, so a pool may be changed at any time. Throws
 * `network_exhausted`.
 * @param seed what spreads the tenants over the pool
 */
export async function freeSegment(em: EntityManager, region: string, pool: Pool, seed: string): Promise<string> {
  await em.execute(`select pg_advisory_xact_lock(hashtext('freehold/segments'), hashtext(?))`, [region])
  const count = 2 ** (pool.segmentPrefix - Number(pool.pool.split('/')[1]))
  const size = 2 ** (32 - pool.segmentPrefix)
  const start = weigh(seed) % count
  // From the start to the end of the pool, then from its beginning. The chunks grow: most find a place in the first, and a
  // full pool takes few queries.
  for (let seen = 0, chunk = firstChunk; seen < count; chunk *= 4) {
    const from = (start + seen) % count
    const to = Math.min(from + chunk, from < start ? start : count)
    const [free] = await em.execute<{ segment: string }[]>(firstFree, [from, to, pool.pool, size, pool.segmentPrefix])
    if (free !== undefined) return free.segment
    seen += to - from
  }
  throw new FreeholdError(
    'network_exhausted',
    `the pool ${pool.pool} of region "${region}" has no free segment of prefix length ${pool.segmentPrefix}, of ${count}; ` +
      'enlarge it in the platform file and start again, or remove tenants that failed',
    { facts: { region, pool: pool.pool, segmentPrefix: pool.segmentPrefix } },
  )
}
