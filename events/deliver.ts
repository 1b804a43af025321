import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'
import {
  settleDeliveries,
  type DeliveryResult,
  type DestinationKind,
  type PendingDelivery,
  type StoredEvent,
} from '../registry/deliveries.ts'
import { sqlOf } from '../registry/pool.ts'
import type { Orm } from '../registry/orm.ts'
import {
  concernsBus,
  type Address,
  type Message,
  type Published,
  type PublishFailure,
  type Publisher,
} from './publisher.ts'

/** What a relay works with. */
export type RelayDeps = {
  readonly orm: Orm
  readonly envelope: (stored: StoredEvent) => Message
  readonly publisher: Publisher
  readonly log: Logger
  readonly metrics: Pick<WorkerMetrics, 'countPublished' | 'countPublishFailure'>
}

/** Deliveries to one address that go in one piece. */
export type Shipment = {
  readonly kind: DestinationKind
  /** Or why there is none. */
  readonly address: Address | PublishFailure
  readonly parts: readonly PendingDelivery[]
}

/** The longest a failure is left alone, in seconds: a bus comes back by itself, a topic when somebody does something. */
const longestWait = { bus: 30, topic: 300 }

/**
 * Signs and sends a shipment and records what became of it.
 * @param relay id under which the leases are held
 * @param mayGoOn asked before each batch: no more when the relay stops, or the leases come to their end
 * @returns whether there is more to send, and why it failed
 */
export async function deliver(
  { orm, envelope, publisher, log, metrics }: RelayDeps,
  relay: string,
  { kind, address, parts }: Shipment,
  mayGoOn: () => boolean,
): Promise<{ more: boolean; failure?: PublishFailure }> {
  const messages = parts.flatMap(({ events }) => events.map(envelope))
  const published: Published =
    'code' in address ? { sent: 0, failure: address } : await publisher.publish(address, messages, mayGoOn)
  const more = await settleDeliveries(sqlOf(orm.pool), relay, resultsOf(parts, published))
  metrics.countPublished(kind, published.sent)
  const { failure } = published
  if (failure === undefined) return { more }
  metrics.countPublishFailure(kind, failure.code)
  log.warn(
    { destination: kind, code: failure.code, reason: failure.message, streams: parts.length },
    'events are not delivered; will try again',
  )
  return { more, failure }
}

/**
 * How far each delivery is when the bus has the first `sent` of all events. A failure is one of every delivery that still
 * lacks events, but for an event that is too large: that is one of its own stream alone.
 */
export function resultsOf(parts: readonly PendingDelivery[], { sent, failure }: Published): DeliveryResult[] {
  let left = sent
  let isFirst = true
  return parts.map(({ delivery: { stream, destination, cursor }, events }) => {
    const delivered = Math.min(left, events.length)
    left -= delivered
    const result = { stream, destination, cursor: events[delivered - 1]?.seq ?? cursor }
    if (failure === undefined || delivered === events.length || (failure.code === 'message_too_large' && !isFirst))
      return { ...result, tried: delivered > 0 }
    isFirst = false
    return {
      ...result,
      tried: true,
      error: `${failure.code}: ${failure.message}`,
      longestWait: concernsBus(failure) ? longestWait.bus : longestWait.topic,
    }
  })
}
