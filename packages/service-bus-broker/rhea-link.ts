import rhea from 'rhea'
import type { Delivery, Receiver, Sender, Typed } from 'rhea'
import { BrokerError } from './errors.ts'

/**
 * What a server needs of rhea's links that its types do not show. Everything the broker knows about rhea's inside is in
 * this file.
 */
type Inside = {
  local: { attach: Record<string, unknown> }
  state: { local_open: boolean; open_requests: number }
  session: { outgoing: { available: () => number; next_delivery_id: number; next_pending_delivery: number } }
  credit: number
  delivery_count: number
}
type Composite = { described: () => Typed }
type Outcomes = { accepted: () => Composite; rejected: (fields: { error: AmqpFault }) => Composite }

/** An error as AMQP carries it. */
export type AmqpFault = { condition: string; description: string }

const inside = (link: Sender | Receiver): Inside => link as unknown as Inside
const outcomes = rhea.message as unknown as Outcomes

/** The AMQP form of an error; what is not the broker's own is an internal error. */
export function faultOf(error: unknown): AmqpFault {
  if (error instanceof BrokerError) return { condition: error.condition, description: error.message }
  return { condition: 'amqp:internal-error', description: 'The local broker failed; its log says why.' }
}

/** Answers a peer's attach with its own settle modes and the given fields. Call it while the link opens. */
export function answerAttach(link: Sender | Receiver, fields: Record<string, unknown> = {}): void {
  const { snd_settle_mode, rcv_settle_mode } = link
  Object.assign(inside(link).local.attach, { snd_settle_mode, rcv_settle_mode, ...fields })
  if (link.source) link.set_source({ address: link.source.address })
  if (link.target) link.set_target({ address: link.target.address })
}

/** Keeps the answer to an attach back until `link.attach()`. */
export function holdAttach(link: Sender): void {
  const { state } = inside(link)
  state.local_open = false
  state.open_requests--
}

/** How many more messages may be sent now: rhea lowers `credit` only when it writes a transfer. */
export function sendable(link: Sender): number {
  const { credit, session } = inside(link)
  const unsent = session.outgoing.next_delivery_id - session.outgoing.next_pending_delivery
  return link.is_open() ? Math.min(credit - unsent, session.outgoing.available()) : 0
}

/** Answers a drain. rhea does so only if there is credit to give back, so a link that has used up its own gets one more. */
export function finishDrain(link: Sender): void {
  const { credit, session } = inside(link)
  if (credit <= session.outgoing.next_delivery_id - session.outgoing.next_pending_delivery) {
    inside(link).credit++
    inside(link).delivery_count--
  }
  link.set_drained(true)
}

/**
 * Settles a delivery that was sent: accepted, or rejected with an error. The peer, which waits for this, sends nothing
 * more, so it counts as settled by both; else rhea's buffer of deliveries would overflow.
 */
export function settle(delivery: Delivery, error?: AmqpFault): void {
  delivery.update(true, (error ? outcomes.rejected({ error }) : outcomes.accepted()).described())
  Object.assign(delivery, { remote_settled: true })
}
