import { canonicalText, chainHash, emptyHead } from '../crypto/hash-chain.ts'
import type { NewEvent } from '../domain/events.ts'
import { governance } from './deliveries.ts'
import { Event } from './entities/event.ts'
import type { EntityManager } from './orm.ts'

type Head = { before: string; head: string; now: string; ids: string }

/** The stream's row, made when it is the first event, with its sequence number moved on. */
const take = `insert into event_streams as s (id, seq, head) values (?, ?, ?)
  on conflict (id) do update set seq = s.seq + excluded.seq
  returning seq - ? as before, head, to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now,
    array_to_string(array(select uuidv7() from generate_series(1, ?)), ',') as ids`

const append = `with e as (
    select * from jsonb_to_recordset(?::jsonb) as e (
      seq bigint, id uuid, type text, time timestamptz, operation uuid, body text, previous text, hash text)
  ), appended as (
    insert into events (stream, seq, id, type, time, operation_id, body, previous_hash, hash)
    select ?, seq, id, type, time, operation, body, previous, hash from e
  ), governed as (
    insert into deliveries (stream, destination, head) values (?, '${governance}', ?)
    on conflict (stream, destination) do update set head = excluded.head
  ), locked as materialized (
    select destination from deliveries where stream = ? and destination <> '${governance}' order by destination for update
  ), delivered as (
    update deliveries d set head = ? from locked where d.stream = ? and d.destination = locked.destination
  )
  update event_streams set head = ? where id = ?`

/**
 * Appends events to a stream, chained by hash, in the caller's transaction, and tells every destination of the stream. The stream's
 * row stays locked until the commit, so take every other lock first.
 * @param stream a tenant's id, or `platform`
 */
export async function appendEvents(em: EntityManager, stream: string, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  const [at] = await em.execute<Head[]>(take, [stream, events.length, emptyHead, events.length, events.length])
  if (at === undefined) throw new Error(`the event stream ${stream} vanished`)
  let head = at.head
  const ids = at.ids.split(',')
  const rows = events.map((event, index) => {
    const seq = Number(at.before) + index + 1
    const id = ids[index] ?? ''
    const { type, actor, data, operationId, correlationId } = event
    const body = canonicalText({
      id,
      stream,
      seq,
      type,
      time: at.now,
      actor,
      ...(operationId === undefined ? {} : { operationId }),
      ...(correlationId === undefined ? {} : { correlationId }),
      data,
    })
    const previous = head
    head = chainHash(previous, body)
    return { seq, id, type, time: at.now, operation: operationId ?? null, body, previous, hash: head }
  })
  const last = Number(at.before) + events.length
  const appended = [JSON.stringify(rows), stream]
  const destinations = [stream, last, stream, last, stream]
  await em.execute(append, [...appended, ...destinations, head, stream])
}

/**
 * Events of a stream in order.
 * @param after sequence number to begin behind; 0 for the beginning
 * @param limit how many at most
 */
export async function readEvents(em: EntityManager, stream: string, after: number, limit: number) {
  return em.find(Event, { stream, seq: { $gt: after } }, { orderBy: { seq: 'asc' }, limit })
}
