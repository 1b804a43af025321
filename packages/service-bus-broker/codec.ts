import { randomUUID } from 'node:crypto'
import rhea from 'rhea'
import type { Typed } from 'rhea'
import { record, text } from './amqp-values.ts'
import type { Fields } from './amqp-values.ts'
import type { FilterInput } from './filter.ts'
import type { Entry, Message } from './message.ts'
import type { Scalar } from './sql-filter.ts'

const { types } = rhea
/** rhea has it, its types do not. */
const { Writer } = types as unknown as { Writer: new () => { write: (value: Typed) => void; toBuffer: () => Buffer } }

/** Annotations of the sender that travel on with the message; all others are the broker's own. */
const kept = ['x-opt-partition-key', 'x-opt-via-partition-key']

/** Bytes of an empty header section, which rhea writes first; the broker writes its own header per delivery. */
const emptyHeader = 4

function idText(id: unknown): string | undefined {
  return Buffer.isBuffer(id) ? id.toString('hex') : typeof id === 'number' ? String(id) : text(id)
}

/** Decodes one encoded AMQP message: its sections flattened into one map, as rhea has them. */
export function decode(encoded: Buffer): Fields {
  return rhea.message.decode(encoded)
}

/** The messages inside a batch (message format 0x80013700), still encoded, in order. */
export function splitBatch(encoded: Buffer): Buffer[] {
  const { content } = record(rhea.message.decode(encoded)['body'])
  return (Array.isArray(content) ? content : [content]).filter((part) => Buffer.isBuffer(part))
}

/** Encodes the sections that never change on the way: properties, application properties and body. */
function encodeContent(decoded: Fields): Buffer {
  const { durable: _d, priority: _p, ttl: _t, first_acquirer: _f, delivery_count: _c, ...rest } = decoded
  const { message_annotations: _m, delivery_annotations: _a, footer: _o, ...content } = rest
  return rhea.message.encode(content).subarray(emptyHeader)
}

/** Takes a decoded message in: gives it an id where the sender did not, and encodes its content once. */
export function toMessage(decoded: Fields, now: number): Message {
  const annotations = record(decoded['message_annotations'])
  const given = idText(decoded['message_id'])
  const messageId = given ?? randomUUID().replaceAll('-', '')
  const scheduled = annotations['x-opt-scheduled-enqueue-time']
  const ttl = decoded['ttl']
  const sessionId = text(decoded['group_id'])
  return {
    content: encodeContent(given === undefined ? { ...decoded, message_id: messageId } : decoded),
    messageId,
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(typeof ttl === 'number' ? { timeToLive: ttl } : {}),
    ...(scheduled instanceof Date ? { scheduledFor: scheduled.getTime() } : {}),
    annotations: Object.fromEntries(Object.entries(annotations).filter(([name]) => kept.includes(name))),
    enqueuedAt: now,
    expiresAt: Infinity,
  }
}

/** A copy of the message with application properties added or replaced. */
export function withProperties(message: Message, properties: Fields): Message {
  const decoded = decode(message.content)
  const application = { ...record(decoded['application_properties']), ...properties }
  return { ...message, content: encodeContent({ ...decoded, application_properties: application }) }
}

/** What filters may look at. */
export function filterInput(message: Message): FilterInput {
  const decoded = decode(message.content)
  return {
    system: {
      contenttype: text(decoded['content_type']),
      correlationid: idText(decoded['correlation_id']),
      label: text(decoded['subject']),
      messageid: message.messageId,
      replyto: text(decoded['reply_to']),
      replytosessionid: text(decoded['reply_to_group_id']),
      sessionid: message.sessionId,
      to: text(decoded['to']),
    },
    user: record(decoded['application_properties']) as Record<string, Scalar>,
  }
}

const messageStates = { active: 0, deferred: 1, scheduled: 2 }

/** Encodes an entry as it goes to a receiver; `lockedUntil` (ms) only when it is locked for that receiver. */
export function encodeDelivery(entry: Entry, lockedUntil?: number): Buffer {
  const { message } = entry
  const annotations: Record<string, unknown> = {
    ...message.annotations,
    'x-opt-sequence-number': types.wrap_long(entry.sequence),
    'x-opt-enqueue-sequence-number': types.wrap_long(message.enqueuedSequence ?? entry.sequence),
    'x-opt-enqueued-time': types.wrap_timestamp(message.enqueuedAt),
    'x-opt-message-state': types.wrap_int(messageStates[entry.state]),
  }
  if (lockedUntil !== undefined) annotations['x-opt-locked-until'] = types.wrap_timestamp(lockedUntil)
  if (message.scheduledFor !== undefined)
    annotations['x-opt-scheduled-enqueue-time'] = types.wrap_timestamp(message.scheduledFor)
  if (message.deadLetterSource !== undefined) annotations['x-opt-deadletter-source'] = message.deadLetterSource
  const ttl = message.timeToLive === undefined ? null : types.wrap_uint(message.timeToLive)
  const header = [true, null, ttl, null, types.wrap_uint(entry.deliveryCount)]
  const writer = new Writer()
  writer.write(types.described(types.wrap_ulong(0x70), types.wrap_list(header)))
  writer.write(types.described(types.wrap_ulong(0x72), types.wrap_symbolic_map(annotations)))
  return Buffer.concat([writer.toBuffer(), message.content])
}
