import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { instant } from './types.ts'

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
  triggers: [
    { name: 'events_insert_only', timing: 'before', events: ['update', 'delete'], forEach: 'row', body: refusal },
  ],
})
export type EventRow = InferEntity<typeof Event>

/** Events still to be delivered; a row goes when its destination has it. */
export const Outbox = defineEntity({
  name: 'Outbox',
  tableName: 'outbox',
  properties: {
    stream: p.text().primary(),
    destination: p.text().primary(),
    seq: p.bigint('number').primary(),
    createdAt: instant(),
  },
})
