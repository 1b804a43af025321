import type pg from 'pg'
import { checkpointDocument, type Head } from '../crypto/checkpoint.ts'
import { emptyHead } from '../crypto/hash-chain.ts'
import type { Signer } from '../crypto/signing.ts'
import { sha256 } from '../crypto/tokens.ts'
import { platformStream } from '../domain/events.ts'
import { appendTo } from './events.ts'
import { transaction } from './pool.ts'
import { isoText, one, type Sql } from './sql.ts'

/** Heads in one checkpoint at most: its document stays below 120 kB. */
const headsOfOne = 1_000

type Standing = { at: string; number: number; hash: string | null; isYoung: boolean }
type Grown = Head & { isNews: boolean }

/**
 * Makes a checkpoint of every stream that has grown since it was in one, when something is new and the last one is older than
 * the interval, by the database's clock; several, when there are more heads than one may hold. That one was made is told, and
 * is no news by itself. Safe in many workers at once.
 * @returns how many it made
 */
export async function makeCheckpoints(
  pool: pg.Pool,
  signer: Signer,
  { intervalMs, heads = headsOfOne }: { intervalMs: number; heads?: number },
): Promise<number> {
  for (let made = 0; ; made += 1) {
    const held = await transaction(pool, (sql) =>
      makeOne(sql, signer, { intervalMs: made === 0 ? intervalMs : 0, heads }),
    )
    if (held === 0) return made
    if (held < heads) return made + 1
  }
}

/** How many heads are in the checkpoint that was made; 0 when there was nothing to do, or another worker is at it. */
async function makeOne(
  sql: Sql,
  signer: Signer,
  { intervalMs, heads: limit }: { intervalMs: number; heads: number },
): Promise<number> {
  const { free } = await one(
    sql<{ free: boolean }>({ text: `select pg_try_advisory_xact_lock(hashtext('freehold/checkpoints')) as free` }),
  )
  if (!free) return 0
  const last = await one(sql<Standing>({ name: 'last-checkpoint', text: standing, values: [intervalMs] }))
  if (last.isYoung) return 0
  const heads = await sql<Grown>({ name: 'grown-streams', text: grown, values: [limit, platformStream] })
  if (!heads.some(({ isNews }) => isNews)) return 0
  const facts = {
    number: last.number + 1,
    previous: last.hash ?? emptyHead,
    at: last.at,
    keyId: signer.publicKey.kid,
  }
  const document = checkpointDocument(facts, heads)
  const [hash, signature] = [sha256(document), signer.sign(document)]
  await sql({
    name: 'insert-checkpoint',
    text: insert,
    values: [facts.number, document, hash, facts.keyId, signature, JSON.stringify(heads)],
  })
  const data = { ...facts, sha256: hash, signature, heads: heads.length }
  await appendTo(sql, platformStream, [{ type: 'TENANCY_CHECKPOINT_MADE', actor: 'system:worker', data }])
  return heads.length
}

const standing = `select ${isoText('now()')} as at,
    coalesce(c.number, 0) as number, c.hash,
    coalesce(c.created_at > now() - make_interval(secs => $1::float8 / 1000), false) as "isYoung"
  from (select) as always left join lateral (
    select number, hash, created_at from checkpoints order by number desc limit 1
  ) c on true`

/** The platform's own stream is news only when it says more than that checkpoints were made. */
const grown = `select s.id as stream, s.seq::float8 as seq, s.head as hash,
    s.id <> $2 or exists (select from events e where e.stream = s.id and e.seq > coalesce(h.seq, 0)
      and e.type <> 'TENANCY_CHECKPOINT_MADE') as "isNews"
  from event_streams s
  left join lateral (select max(seq) as seq from checkpoint_heads where stream = s.id) h on true
  where s.seq > coalesce(h.seq, 0) order by s.id limit $1`

const insert = `with made as (
    insert into checkpoints (number, document, hash, key_id, signature) values ($1, $2, $3, $4, $5) returning number
  )
  insert into checkpoint_heads (stream, seq, checkpoint)
    select h.stream, h.seq, made.number from made, jsonb_to_recordset($6::jsonb) as h (stream text, seq bigint)`
