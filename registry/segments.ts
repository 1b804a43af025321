import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import { one, type Sql } from './sql.ts'

type Pool = NonNullable<Platform['regions'][number]['network']>

const firstChunk = 16

/**
 * The first free segment at or behind a place in the pool, and before another, that nobody else is about to take. The lock
 * ends with the transaction; who asks for the same segment meanwhile goes on to the next.
 */
const firstFree = `
  select segment::text from (
    select segment from generate_series($1::bigint, $2::bigint - 1) as place,
      lateral (select set_masklen(network($3::inet) + place * $4::bigint, $5::int)::cidr as segment) as at
    where not exists (select from placements p where p.segment && at.segment and p.state <> 'released')
      and not segment = any ($6::cidr[])
    order by place
  ) free
  where pg_try_advisory_xact_lock(hashtext('freehold/segments'), hashtext(segment::text)) limit 1`

/** Addresses of the pool that are taken, however they were cut. */
const taken = `
  select coalesce(sum(2 ^ (32 - masklen(segment))), 0)::float8 as addresses from placements
  where segment <<= $1::cidr and state <> 'released'`

/**
 * A free segment of the region's pool, found without waiting for anybody. What the exclusion constraint of the placements
 * refuses after that was committed just now, overlaps in another region, or was written by other hands: search again. The search begins where the seed says, so that neighbours in the
 * pool are not neighbours in time; it looks at what is taken, not at how it was cut, so a pool may be changed at any time.
 * Throws `network_exhausted`, of a full pool at once.
 * @param seed what spreads the tenants over the pool
 * @param but segments that the caller is about to take
 */
export async function freeSegment(
  sql: Sql,
  { region, pool, seed, but }: { region: string; pool: Pool; seed: string; but: readonly string[] },
): Promise<string> {
  const bits = Number(pool.pool.split('/')[1])
  const count = 2 ** (pool.segmentPrefix - bits)
  const size = 2 ** (32 - pool.segmentPrefix)
  const start = weigh(seed) % count
  // From the start to the end of the pool, then from its beginning. The chunks grow: most find a place in the first.
  for (let seen = 0, chunk = firstChunk; seen < count; chunk *= 4) {
    const from = (start + seen) % count
    const to = Math.min(from + chunk, from < start ? start : count)
    const [free] = await sql<{ segment: string }>({
      name: 'free-segment',
      text: firstFree,
      values: [from, to, pool.pool, size, pool.segmentPrefix, but],
    })
    if (free !== undefined) return free.segment
    if (seen === 0) {
      const { addresses } = await one(sql<{ addresses: number }>({ text: taken, values: [pool.pool] }))
      if (addresses >= 2 ** (32 - bits)) break
    }
    seen += to - from
  }
  throw new FreeholdError(
    'network_exhausted',
    `the pool ${pool.pool} of region "${region}" has no free segment of prefix length ${pool.segmentPrefix}, of ${count}; ` +
      'enlarge it in the platform file and start again, or remove tenants that failed',
    { facts: { region, pool: pool.pool, segmentPrefix: pool.segmentPrefix } },
  )
}
