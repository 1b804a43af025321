import { weigh } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import { one, type Sql } from './sql.ts'

type Pool = NonNullable<Platform['regions'][number]['network']>

const firstChunk = 16

/** Segments at or behind a place in the pool, and before another, that no living placement overlaps; nearest first. */
const free = `
  select segment::text from generate_series($1::bigint, $2::bigint - 1) as place,
    lateral (select set_masklen(network($3::inet) + place * $4::bigint, $5::int)::cidr as segment) as at
  where not exists (select from placements p where p.segment && at.segment and p.state <> 'released')
    and not segment = any ($6::cidr[])
  order by place`

const lock = `hashtext('freehold/segments'), hashtext(segment)`

/**
 * The first that nobody else is about to take. The lock ends with the transaction; who asks for the same segment meanwhile
 * goes on to the next. Materialized, or PostgreSQL would lock all of them before it sorts.
 */
const firstFree = `
  with free as materialized (${free}) select segment from free where pg_try_advisory_xact_lock(${lock}) limit 1`

/** Waits for the one that is about to take the first, and holds its lock then. */
const awaitFirst = `
  with free as materialized (${free} limit 1) select pg_advisory_xact_lock(${lock})::text from free`

/** Addresses of the pool that are taken, however they were cut. */
const taken = `
  select coalesce(sum(2 ^ (32 - masklen(segment))), 0)::float8 as addresses from placements
  where segment <<= $1::cidr and state <> 'released'`

/**
 * A free segment of the region's pool. Waits for others only when they are about to take all that is free. What the
 * exclusion constraint of the placements refuses after that was committed just now, overlaps in another region, or was
 * written by other hands: search again. The search begins where the seed says, so that neighbours in the pool are not
 * neighbours in time; it looks at what is taken, not at how it was cut, so a pool may be changed at any time. Throws
 * `network_exhausted`, of a full pool at once.
 * @param seed what spreads the tenants over the pool
 * @param but segments that the caller is about to take
 */
export async function freeSegment(
  sql: Sql,
  { region, pool, seed, but }: { region: string; pool: Pool; seed: string; but: readonly string[] },
): Promise<string> {
  const count = 2 ** (pool.segmentPrefix - prefixLength(pool))
  for (;;) {
    const segment = await search(sql, { pool, count, start: weigh(seed) % count, but })
    if (segment !== undefined) return segment
    const held = await sql({ name: 'await-segment', text: awaitFirst, values: [0, count, ...cut(pool), but] })
    if (held.length === 0) break
  }
  throw new FreeholdError(
    'network_exhausted',
    `the pool ${pool.pool} of region "${region}" has no free segment of prefix length ${pool.segmentPrefix}, of ${count}; ` +
      'enlarge it in the platform file and start again, or remove tenants that failed',
    { facts: { region, pool: pool.pool, segmentPrefix: pool.segmentPrefix } },
  )
}

/** From the start to the end of the pool, then from its beginning. The chunks grow: most find a place in the first. */
async function search(
  sql: Sql,
  { pool, count, start, but }: { pool: Pool; count: number; start: number; but: readonly string[] },
): Promise<string | undefined> {
  for (let seen = 0, chunk = firstChunk; seen < count; chunk *= 4) {
    const from = (start + seen) % count
    const to = Math.min(from + chunk, from < start ? start : count)
    const values = [from, to, ...cut(pool), but]
    const [found] = await sql<{ segment: string }>({ name: 'free-segment', text: firstFree, values })
    if (found !== undefined) return found.segment
    if (seen === 0 && (await isFull(sql, pool))) return undefined
    seen += to - from
  }
  return undefined
}

async function isFull(sql: Sql, pool: Pool): Promise<boolean> {
  const { addresses } = await one(sql<{ addresses: number }>({ text: taken, values: [pool.pool] }))
  return addresses >= 2 ** (32 - prefixLength(pool))
}

const prefixLength = ({ pool }: Pool) => Number(pool.split('/')[1])

/** The pool, the size of a segment and its prefix length, as the queries take them. */
const cut = ({ pool, segmentPrefix }: Pool) => [pool, 2 ** (32 - segmentPrefix), segmentPrefix]
