import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { Bus } from './placement.ts'
import { instant, laterInstant } from './types.ts'

const refusal = `raise exception 'events are insert-only'`

/** Head of one hash chain; its row lock puts the events of a stream in order. */
export const EventStream = defineEntity({
  name: 'EventStream',
  tableName: 'event_streams',
  properties: { id: p.text().primary(), seq: p.bigint('number').default(0), head: p.text() },
})

/** What happened, for ever: insert-only by grant and by trigger. `body` is the canonical text that is hashed. */
export const Event = defineEntity({
  name: 'Event',
  tableName: 'events',
  properties: {
    stream: () => p.manyToOne(EventStream).mapToPk().primary().joinColumn('stream'),
    seq: p.bigint('number').primary(),
    id: p.uuid().unique('events_id'),
    type: p.text(),
    time: instant(),
    operation: p.uuid().nullable().fieldName('operation_id'),
    body: p.text(),
    previousHash: p.text(),
    hash: p.text(),
  },
  indexes: [
    {
      name: 'events_correlation',
      expression: `create index events_correlation on events ((body::jsonb ->> 'correlationId'))`,
    },
  ],
  triggers: [
    { name: 'events_insert_only', timing: 'before', events: ['update', 'delete'], forEach: 'row', body: refusal },
  ],
})
export type EventRow = InferEntity<typeof Event>

/**
 * A delivery: how far a destination has the events of a stream. `head` is the newest event of the stream and moves in the
 * transaction that appends it; `cursor` is the last one delivered. A relay that works on it holds the lease.
 */
export const Delivery = defineEntity({
  name: 'Delivery',
  tableName: 'deliveries',
  properties: {
    stream: () => p.manyToOne(EventStream).mapToPk().primary().joinColumn('stream'),
    destination: p.text().primary(),
    head: p.bigint('number').default(0),
    cursor: p.bigint('number').default(0),
    /** Namespace the destination is on; none for the governance topic, whose place the platform file says. */
    bus: () => p.manyToOne(Bus).mapToPk().joinColumn('bus').nullable().deleteRule('no action'),
    /** Failures in a row, and why the last one was. */
    attempts: p.integer().default(0),
    error: p.text().nullable(),
    dueAt: instant(),
    leasedBy: p.uuid().nullable(),
    leasedUntil: laterInstant(),
  },
  indexes: [{ name: 'deliveries_due', properties: ['bus', 'dueAt'], where: 'head > cursor' }],
})
