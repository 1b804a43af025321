import type { Delivery, EventContext, Receiver } from 'rhea'
import { decode, splitBatch, toMessage } from './codec.ts'
import type { BrokerError } from './errors.ts'
import { errors } from './errors.ts'
import type { Namespace } from './namespace.ts'
import { answerAttach, faultOf } from './rhea-link.ts'
import type { Topic } from './topic.ts'

/** Message format of a batch: the data sections of the outer message are whole encoded messages. */
const batchFormat = 0x80013700

/** How many messages a sender may have on the way, and after how many it is granted more. */
const initialCredit = 1000
const topUp = 250

/** Bytes that header and annotations add to a message's content, at most, for the size check of a single message. */
const overhead = 64

/** A client's sender: takes messages in and accepts them once they are on disk. */
export class IncomingLink {
  readonly #link: Receiver
  readonly #topic: Topic
  readonly #namespace: Namespace
  readonly #limit: number
  /** Why the link was closed from this side; what the client sent before it knew gets the same answer. */
  #refusal: BrokerError | undefined
  #used = 0

  constructor(link: Receiver, topic: Topic, namespace: Namespace) {
    this.#link = link
    this.#topic = topic
    this.#namespace = namespace
    this.#limit = topic.maxMessageBytes(namespace.limits.maxMessageBytes)
    answerAttach(link, { max_message_size: this.#limit })
    link.add_credit(initialCredit)
    topic.senders.add(this)
  }

  /** Takes one transfer: a message, or a batch of them that is published whole or not at all. */
  receive(context: EventContext): void {
    const { delivery, message } = context
    const { format } = context as EventContext & { format?: number }
    if (!delivery || message === undefined) return
    this.#used++
    try {
      this.#publish(message, format ?? 0)
    } catch (error) {
      delivery.reject(faultOf(error))
      this.#topUp()
      return
    }
    this.#namespace.around.storage.whenDurable(() => this.#accept(delivery))
  }

  detach(error: BrokerError): void {
    this.#refusal = error
    this.closed()
    this.#link.close(faultOf(error))
  }

  /** The client closed the link or its connection. */
  closed(): void {
    this.#topic.senders.delete(this)
  }

  #publish(received: unknown, format: number): void {
    if (this.#refusal) throw this.#refusal
    this.#topic.requireSendable()
    const now = this.#namespace.around.now()
    if (Buffer.isBuffer(received)) {
      if (format !== batchFormat) throw errors.notImplemented(`The message format ${format} is not supported.`)
      if (received.length > this.#limit) throw errors.messageTooLarge(received.length, this.#limit)
      this.#topic.publish(splitBatch(received).map((encoded) => toMessage(decode(encoded), now)))
      return
    }
    const message = toMessage({ ...(received as Record<string, unknown>) }, now)
    const size = message.content.length + overhead
    if (size > this.#limit) throw errors.messageTooLarge(size, this.#limit)
    this.#topic.publish([message])
  }

  #accept(delivery: Delivery): void {
    delivery.accept()
    this.#topUp()
  }

  #topUp(): void {
    if (this.#used < topUp) return
    this.#link.add_credit(this.#used)
    this.#used = 0
  }
}
