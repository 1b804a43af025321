import { canonicalText, chainHash, emptyHead } from '../crypto/hash-chain.ts'
import { platformStream, type NewEvent } from '../domain/events.ts'
import { Event, Outbox } from './entities/event.ts'
import type { EntityManager } from './orm.ts'

type Head = { seq: string; head: string; now: string; ids: string }

/**
 * Appends events to a stream, chained by hash, in the caller's transaction, and puts them into the outbox. The stream's
 * row stays locked until the commit, so take every other lock first.
 * @param stream a tenant's id, or `platform`
 */
export async function appendEvents(em: EntityManager, stream: string, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await em.execute('insert into event_streams (id, head) values (?, ?) on conflict do nothing', [stream, emptyHead])
  const [at] = await em.execute<Head[]>(
    `update event_streams set seq = seq + ? where id = ?
     returning seq - ? as seq, head, to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now,
       array_to_string(array(select uuidv7() from generate_series(1, ?)), ',') as ids`,
    [events.length, stream, events.length, events.length],
  )
  if (at === undefined) throw new Error(`the event stream ${stream} vanished`)
  let head = at.head
  const ids = at.ids.split(',')
  const time = new Date(at.now)
  for (const [index, event] of events.entries()) {
    const seq = Number(at.seq) + index + 1
    const id = ids[index] ?? ''
    const body = canonicalText({
      id,
      stream,
      seq,
      type: event.type,
      time: at.now,
      actor: event.actor,
      ...(event.operationId === undefined ? {} : { operationId: event.operationId }),
      ...(event.correlationId === undefined ? {} : { correlationId: event.correlationId }),
      data: event.data,
    })
    const hash = chainHash(head, body)
    em.create(Event, {
      stream,
      seq,
      id,
      type: event.type,
      time,
      operation: event.operationId ?? null,
      body,
      previousHash: head,
      hash,
    })
    for (const destination of destinations(stream)) em.create(Outbox, { stream, destination, seq })
    head = hash
  }
  await em.flush()
  await em.execute('update event_streams set head = ? where id = ?', [head, stream])
}

function destinations(stream: string): string[] {
  return stream === platformStream ? ['governance'] : ['governance', 'tenant']
}

/**
 * Events of a stream in order.
 * @param after sequence number to begin behind; 0 for the beginning
 * @param limit how many at most
 */
export async function readEvents(em: EntityManager, stream: string, after: number, limit: number) {
  return em.find(Event, { stream, seq: { $gt: after } }, { orderBy: { seq: 'asc' }, limit })
}
