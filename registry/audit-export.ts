import { emptyHead } from '../crypto/hash-chain.ts'
import type { Signer } from '../crypto/signing.ts'
import type { JsonObject } from '../domain/json.ts'
import { publicKeys } from './signing-keys.ts'
import { isoText, one, type Sql } from './sql.ts'

/** Rows of one page; the longest that is in memory. */
const pages = { checkpoints: 100, streams: 500, events: 2_000 }

type Stream = { stream: string; seq: number; head: string; last: number; deliveries: JsonObject[] }
type Event = { stream: string; seq: number } & JsonObject

/**
 * The whole trail, or that of one tenant, as records that can be verified by themselves, some at a time: keys, checkpoints, then each stream
 * and its events in order. Read page by page with nothing open between; what is appended meanwhile is not in it.
 */
export async function* exportAudit(
  sql: Sql,
  signer: Signer,
  tenant: string | null,
): AsyncGenerator<readonly JsonObject[]> {
  const { at } = await one(sql<{ at: string }>({ text: `select ${isoText('clock_timestamp()')} as at` }))
  const keys = await publicKeys(sql, signer)
  yield [
    { kind: 'export', version: 1, at, tenant },
    ...keys.map(({ kty, crv, x, kid }) => ({ kind: 'key', key: { kty, crv, x, kid } })),
  ]
  const count = { streams: 0, events: 0, checkpoints: 0 }
  for await (const checkpoints of checkpointsOf(sql, tenant)) {
    count.checkpoints += checkpoints.length
    yield checkpoints.map((checkpoint) => ({ kind: 'checkpoint', ...checkpoint }))
  }
  for (let after = ''; ;) {
    const streams = await streamsAfter(sql, after, tenant)
    const isLast = tenant !== null || streams.length < pages.streams
    const to = isLast ? tenant : (streams.at(-1)?.stream ?? null)
    for await (const records of withEvents(sql, streams, { after: tenant ?? after, to })) {
      const ofStreams = records.filter(({ kind }) => kind === 'stream').length
      count.streams += ofStreams
      count.events += records.length - ofStreams
      yield records
    }
    if (isLast) break
    after = to ?? ''
  }
  yield [{ kind: 'end', ...count }]
}

/** All checkpoints in order; of one tenant the newest that has its head, which the chain makes enough. */
async function* checkpointsOf(sql: Sql, tenant: string | null): AsyncGenerator<JsonObject[]> {
  const columns = `number, document, hash, key_id as "keyId", signature`
  if (tenant !== null) {
    yield await sql<JsonObject>({
      text: `select ${columns} from checkpoints where number = (select checkpoint from checkpoint_heads where stream = $1
        order by seq desc limit 1)`,
      values: [tenant],
    })
    return
  }
  for (let after = 0; ;) {
    const page = await sql<{ number: number } & JsonObject>({
      name: 'export-checkpoints',
      text: `select ${columns} from checkpoints where number > $1 order by number limit $2`,
      values: [after, pages.checkpoints],
    })
    yield page
    after = page.at(-1)?.number ?? after
    if (page.length < pages.checkpoints) return
  }
}

/** Streams with everything that knows how far they go, as of one moment. */
function streamsAfter(sql: Sql, after: string, tenant: string | null): Promise<Stream[]> {
  return sql<Stream>({
    name: 'export-streams',
    text: `select s.id as stream, s.seq::float8 as seq, s.head,
        coalesce((select max(e.seq) from events e where e.stream = s.id), 0)::float8 as last,
        (select coalesce(jsonb_agg(jsonb_build_object('destination', destination, 'head', d.head, 'cursor', d.cursor)
          order by destination), '[]') from deliveries d where d.stream = s.id) as deliveries
      from event_streams s where s.id > $1 and ($3::text is null or s.id = $3) order by s.id limit $2`,
    values: [after, pages.streams, tenant],
  })
}

/** Each stream before its events; events of a stream that the registry does not know stand behind an empty one. */
async function* withEvents(
  sql: Sql,
  streams: readonly Stream[],
  { after, to }: { after: string; to: string | null },
): AsyncGenerator<readonly JsonObject[]> {
  const known = new Set(streams.map(({ stream }) => stream))
  const waiting = streams.values()
  let next = waiting.next().value
  let current: { stream: string; last: number } | undefined
  const announced = ({ last, ...stream }: Stream) => {
    current = { stream: stream.stream, last }
    return { kind: 'stream', ...stream }
  }
  const announcedNext = (stream: Stream) => {
    next = waiting.next().value
    return announced(stream)
  }
  for await (const events of eventsBetween(sql, after, to)) {
    const records: JsonObject[] = []
    for (const event of events) {
      const { stream, seq } = event
      while (next !== undefined && current?.stream !== stream && known.has(stream)) records.push(announcedNext(next))
      if (current?.stream !== stream)
        records.push(announced({ stream, seq: 0, head: emptyHead, last: seq, deliveries: [] }))
      // What came after the streams were read is left out.
      if (seq <= (current?.last ?? 0)) records.push({ kind: 'event', ...event })
    }
    yield records
  }
  const rest: JsonObject[] = []
  while (next !== undefined) rest.push(announcedNext(next))
  yield rest
}

async function* eventsBetween(sql: Sql, after: string, to: string | null): AsyncGenerator<Event[]> {
  let [stream, seq] = to !== null && after === to ? [after, 0] : [after, Number.MAX_SAFE_INTEGER]
  for (;;) {
    const page = await sql<Event>({
      name: 'export-events',
      text: `select stream, seq::float8 as seq, id, type, ${isoText('time')} as time, operation_id as operation, body,
          previous_hash as "previousHash", hash
        from events where (stream, seq) > ($1, $2::bigint) and ($3::text is null or stream <= $3)
        order by stream, seq limit $4`,
      values: [stream, seq, to, pages.events],
    })
    yield page
    const last = page.at(-1)
    if (last === undefined || page.length < pages.events) return
    ;({ stream, seq } = last)
  }
}
