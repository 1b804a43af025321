import rhea from 'rhea'
import type { Delivery, EventContext, Sender, Typed } from 'rhea'
import { record, text } from './amqp-values.ts'
import { encodeDelivery } from './codec.ts'
import type { BrokerError } from './errors.ts'
import { errors } from './errors.ts'
import { lockTag } from './lock-token.ts'
import type { Lock, Outcome } from './message.ts'
import { answerAttach, faultOf, finishDrain, holdAttach, sendable, settle } from './rhea-link.ts'
import type { Consumer, Source } from './source.ts'
import type { Storage } from './storage.ts'

/** The source filter that asks for a session: its id, or null for any. */
const sessionFilter = 'com.microsoft:session-filter'

/** How long a receiver that names no time waits for a session (ms), as the service does. */
const defaultSessionWait = 60_000

/** .NET's ticks (100 ns since the year 1) at 1970. */
const ticksAtEpoch = 621_355_968_000_000_000n

/** A time (ms) as an AMQP long of ticks. */
function ticksOf(at: number): Typed {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(ticksAtEpoch + BigInt(at) * 10_000n)
  return rhea.types.wrap_long(buffer)
}

type DeliveryOutcome = NonNullable<Delivery['remote_state']>

/** A client's receiver: hands messages over while there is credit and carries out how it settles them. */
export class OutgoingLink implements Consumer {
  readonly destructive: boolean
  sessionId?: string
  readonly #link: Sender
  readonly #source: Source
  readonly #storage: Storage
  readonly #tokens = new WeakMap<Delivery, string>()
  #giveUpWait: (() => void) | undefined
  #drained = false

  constructor(link: Sender, source: Source, storage: Storage) {
    this.#link = link
    this.#source = source
    this.#storage = storage
    this.destructive = link.snd_settle_mode === 1
  }

  /** Answers the attach, at once or, for a receiver of any session, when there is one. Throws what refuses it. */
  open(now: number): void {
    const filter = record(this.#link.source.filter)
    if (!(sessionFilter in filter)) {
      this.#source.add(this)
      answerAttach(this.#link)
      return
    }
    const wanted = filter[sessionFilter]
    if (typeof wanted === 'string') {
      this.#accepted(wanted, this.#source.acceptSession(wanted, this))
      return
    }
    const wait = record(this.#link.properties)['com.microsoft:timeout']
    this.#giveUpWait = this.#source.acceptNextSession({
      consumer: this,
      deadline: now + (typeof wait === 'number' ? wait : defaultSessionWait),
      accepted: (sessionId, until) => {
        this.#accepted(sessionId, until)
        this.#link.attach()
      },
      refused: (error) => {
        this.#giveUpWait = undefined
        this.#link.attach()
        this.#link.close(faultOf(error))
      },
    })
    holdAttach(this.#link)
  }

  capacity(): number {
    return this.#drained ? 0 : sendable(this.#link)
  }

  /** The client says anew how much credit it gives. */
  credited(): void {
    this.#drained = false
  }

  deliver({ token, entry, until }: Lock): void {
    const { sessions } = this.#source
    const lockedUntil = this.sessionId === undefined ? until : sessions?.lockedUntil(this.sessionId)
    const encoded = encodeDelivery(entry, this.destructive ? undefined : lockedUntil)
    this.#tokens.set(this.#link.send(encoded, lockTag(token), 0), token)
  }

  /** The client gave credit or took it back. */
  flow(): void {
    this.#source.dispatch()
  }

  drain(): void {
    this.#source.dispatch()
    // The credit that rhea shows until the answer is written is given back already.
    this.#drained = true
    finishDrain(this.#link)
  }

  accepted(context: EventContext): void {
    this.#settle(context, () => ({ kind: 'complete' }))
  }

  /** Abandoned, or deferred when it cannot be delivered here. */
  modified(context: EventContext): void {
    this.#settle(context, (state) => {
      const annotations = state['message_annotations']
      const kind = state['undeliverable_here'] === true ? 'defer' : 'abandon'
      return annotations ? { kind, properties: record(annotations) } : { kind }
    })
  }

  released(context: EventContext): void {
    this.#settle(context, () => ({ kind: 'abandon' }))
  }

  /** Dead-lettered; the reason is in the error's map. */
  rejected(context: EventContext): void {
    this.#settle(context, (state) => {
      const { DeadLetterReason, DeadLetterErrorDescription, ...properties } = record(state['error']?.info)
      const [reason, description] = [text(DeadLetterReason), text(DeadLetterErrorDescription)]
      return { kind: 'deadLetter', letter: { reason, description, properties } }
    })
  }

  detach(error: BrokerError): void {
    this.closed()
    this.#link.close(faultOf(error))
  }

  sessionLost(sessionId: string): void {
    this.detach(errors.sessionLockLost(sessionId))
  }

  /** The client closed the link: its session is free again. */
  closed(): void {
    this.#source.remove(this)
    if (!this.#giveUpWait) return
    this.#giveUpWait()
    this.#giveUpWait = undefined
    this.#link.attach() // a detach can only be answered on a link that is attached
  }

  /** The connection broke: locks, a session's as well, stay until they run out. */
  disconnected(): void {
    this.#source.forget(this)
    this.#giveUpWait?.()
  }

  #accepted(sessionId: string, until: number): void {
    this.#giveUpWait = undefined
    this.sessionId = sessionId
    answerAttach(this.#link, { properties: { 'com.microsoft:locked-until-utc': ticksOf(until) } })
    this.#link.set_source({ address: this.#link.source.address, filter: { [sessionFilter]: sessionId } })
    this.#source.add(this)
  }

  #settle({ delivery }: EventContext, outcome: (state: DeliveryOutcome) => Outcome): void {
    const token = delivery && this.#tokens.get(delivery)
    if (!delivery || token === undefined || this.destructive) return
    try {
      if (this.sessionId !== undefined) this.#source.sessions?.lockedUntil(this.sessionId)
      this.#source.queue.settle(token, outcome(delivery.remote_state ?? {}))
    } catch (error) {
      settle(delivery, faultOf(error))
      return
    }
    this.#storage.whenDurable(() => settle(delivery))
  }
}
