import { LRUCache } from 'lru-cache'
import { canonicalText } from '../crypto/hash-chain.ts'
import type { Signer } from '../crypto/signing.ts'
import { platformStream } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import { tenantProperty } from '../domain/tenant-messages.ts'
import type { StoredEvent } from '../registry/deliveries.ts'
import type { Message } from './publisher.ts'

/**
 * Bytes an event may have with its data. A namespace of the Standard tier takes messages of 256 KiB, and the message
 * around the event needs some.
 */
const maxEventBytes = 240_000

/** An event goes to several destinations at about the same time, and is signed once for all. */
const keptMessages = 2_000

/**
 * Makes messages of the bus of events: signed CloudEvents 1.0 in structured JSON. The signature is over the canonical text
 * (RFC 8785) of the event without `signature`. An event too large for a message goes without `data` and says where to
 * read it (extension `dataref`), because one that can never be sent would hold up all that follow.
 */
export function envelopes(signer: Signer): (stored: StoredEvent) => Message {
  const made = new LRUCache<string, Message>({ max: keptMessages })
  return (stored) => {
    const message = made.get(stored.hash) ?? toMessage(stored, signer)
    made.set(stored.hash, message)
    return message
  }
}

function toMessage(stored: StoredEvent, signer: Signer): Message {
  const event = cloudEvent(stored, signer.publicKey.kid)
  const signed = { ...event, signature: signer.sign(canonicalText(event)) }
  const { id, type, tenantid = '', environment = '' } = event
  return {
    id,
    type,
    contentType: 'application/cloudevents+json',
    body: signed,
    properties: { type, sequence: stored.seq, [tenantProperty]: tenantid, environment },
  }
}

/** What the canonical text of an event says. */
type Body = {
  id: string
  type: string
  time: string
  actor: string
  operationId?: string
  correlationId?: string
  data: JsonObject
}

type CloudEvent = JsonObject & { id: string; type: string; tenantid?: string; environment?: string }

function cloudEvent(stored: StoredEvent, keyid: string): CloudEvent {
  const { id, type, time, actor, operationId, correlationId, data } = JSON.parse(stored.body) as Body
  const isPlatform = stored.stream === platformStream
  const { environment } = data
  const event: CloudEvent = {
    specversion: '1.0',
    id,
    source: isPlatform ? '/freehold/platform' : `/freehold/tenants/${stored.stream}`,
    type,
    time,
    subject: stored.stream,
    datacontenttype: 'application/json',
    dataschema: `https://freehold.dev/schemas/events/${type}/v1`,
    // The extension of that name: a text that sorts like the number.
    sequence: String(stored.seq).padStart(16, '0'),
    ...(isPlatform ? {} : { tenantid: stored.stream }),
    ...(typeof environment === 'string' ? { environment } : {}),
    actor,
    ...(operationId === undefined ? {} : { operationid: operationId }),
    ...(correlationId === undefined ? {} : { correlationid: correlationId }),
    previoushash: stored.previousHash,
    hash: stored.hash,
    keyid,
  }
  if (Buffer.byteLength(stored.body) <= maxEventBytes) return { ...event, data }
  return { ...event, dataref: `/v1/tenants/${stored.stream}/events?after=${stored.seq - 1}&limit=1` }
}
