import { canonicalText } from '../crypto/hash-chain.ts'
import type { NewEvent } from '../domain/events.ts'
import { Event } from './entities/event.ts'
import type { EntityManager } from './orm.ts'
import type { Sql } from './sql.ts'

/**
 * Events as `append_events` of the registry takes them: in one statement it gives each its sequence number, id, time and
 * hash. The canonical text (RFC 8785: names sorted) is made here, in the two pieces around what only the database knows.
 */
export function eventsJson(events: readonly NewEvent[]): string {
  return JSON.stringify(
    events.map(({ type, actor, data, operationId, correlationId }) => ({
      type,
      operation: operationId ?? null,
      head: canonicalText({ actor, ...(correlationId === undefined ? {} : { correlationId }), data }).slice(0, -1),
      middle: operationId === undefined ? '' : `"operationId":${JSON.stringify(operationId)},`,
    })),
  )
}

/**
 * Appends events to a stream, chained by hash, in the caller's transaction, and tells every destination of the stream. The
 * stream's row stays locked until the commit, so take every other lock first.
 * @param stream a tenant's id, or `platform`
 */
export async function appendEvents(em: EntityManager, stream: string, events: readonly NewEvent[]): Promise<void> {
  if (events.length > 0) await em.execute('select append_events(?, ?::jsonb)', [stream, eventsJson(events)])
}

/** The same over a connection. */
export async function appendTo(sql: Sql, stream: string, events: readonly NewEvent[]): Promise<void> {
  if (events.length > 0)
    await sql({
      name: 'append-events',
      text: 'select append_events($1, $2::jsonb)',
      values: [stream, eventsJson(events)],
    })
}

/**
 * Events of a stream in order.
 * @param after sequence number to begin behind; 0 for the beginning
 * @param limit how many at most
 */
export async function readEvents(em: EntityManager, stream: string, after: number, limit: number) {
  return em.find(Event, { stream, seq: { $gt: after } }, { orderBy: { seq: 'asc' }, limit })
}
