import type { BrokerError } from './errors.ts'
import { errors } from './errors.ts'
import type { Lock } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { SessionOwner, Sessions } from './sessions.ts'
import type { Ticker } from './ticker.ts'

/** A receiver's link as a source sees it. */
export type Consumer = SessionOwner & {
  /** The session it has accepted; set before it is added. */
  sessionId?: string
  /** receiveAndDelete: what is handed over is gone. */
  readonly destructive: boolean
  /** How many more messages it can take now. */
  capacity: () => number
  deliver: (lock: Lock) => void
  detach: (error: BrokerError) => void
}

/** A receiver that waits for any session: exactly one of the two is called. */
type Waiter = {
  consumer: Consumer
  deadline: number
  accepted: (sessionId: string, until: number) => void
  refused: (error: BrokerError) => void
}

/** What receivers attach to: a queue, its sessions if it has any, and the receivers, served in turn. */
export class Source {
  readonly path: string
  readonly queue: MessageQueue
  readonly sessions: Sessions | undefined
  readonly #ticker: Ticker
  readonly #now: () => number
  readonly #consumers = new Set<Consumer>()
  readonly #waiters = new Set<Waiter>()
  #scheduled = false

  constructor(path: string, queue: MessageQueue, sessions: Sessions | undefined, ticker: Ticker, now: () => number) {
    this.path = path
    this.queue = queue
    this.sessions = sessions
    this.#ticker = ticker
    this.#now = now
  }

  get deadline(): number {
    const waiting = [...this.#waiters].reduce((least, waiter) => Math.min(least, waiter.deadline), Infinity)
    return Math.min(this.queue.deadline, this.sessions?.deadline ?? Infinity, waiting)
  }

  watch(): void {
    this.#ticker.watch(this)
  }

  /** Adds a receiver. Throws when it has no session and the source needs one. */
  add(consumer: Consumer): void {
    if (this.sessions && consumer.sessionId === undefined)
      throw errors.notAllowed(
        `It is not possible for an entity that requires sessions, '${this.path}', to create a non-sessionful message receiver.`,
      )
    this.#consumers.add(consumer)
    this.dispatchSoon()
  }

  /** Locks a named session for a receiver and gives the lock's end (ms). */
  acceptSession(sessionId: string, consumer: Consumer): number {
    const until = this.#requireSessions().lock(sessionId, consumer)
    this.watch()
    return until
  }

  /** Waits until `deadline` (ms) for a session with messages; gives a function that gives the wait up. */
  acceptNextSession(waiter: Waiter): () => void {
    this.#requireSessions()
    this.#waiters.add(waiter)
    this.watch()
    this.dispatchSoon()
    return () => this.#waiters.delete(waiter)
  }

  /** Serves a receiver no more; its locks, a session's as well, stay until they run out. */
  forget(consumer: Consumer): void {
    this.#consumers.delete(consumer)
  }

  /** Takes a receiver away; a session it held is free again at once. */
  remove(consumer: Consumer): void {
    this.forget(consumer)
    const { sessionId } = consumer
    if (sessionId === undefined || !this.sessions?.release(sessionId, consumer)) return
    this.queue.releaseSession(sessionId, false)
    this.dispatchSoon()
  }

  /** Closes every receiver's link with an error. */
  detachAll(error: BrokerError): void {
    for (const waiter of this.#waiters) waiter.refused(error)
    for (const consumer of this.#consumers) consumer.detach(error)
    this.#waiters.clear()
    this.#consumers.clear()
  }

  /** Serves receivers after what runs now, so that a batch that comes in is served once. */
  dispatchSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.dispatch()
    })
  }

  /** Hands available messages to receivers with credit, one each in turn. */
  dispatch(): void {
    this.#serveWaiters()
    let progress = true
    while (progress) {
      progress = false
      for (const consumer of this.#consumers) {
        const lock = consumer.capacity() > 0 && this.queue.take(consumer.sessionId, consumer.destructive)
        if (!lock) continue
        consumer.deliver(lock)
        progress = true
      }
    }
  }

  expire(): void {
    for (const { sessionId, owner } of this.sessions?.takeExpired() ?? []) {
      this.queue.releaseSession(sessionId, true)
      owner.sessionLost(sessionId)
    }
    this.queue.expire()
    for (const waiter of this.#waiters) {
      if (waiter.deadline > this.#now()) continue
      this.#waiters.delete(waiter)
      waiter.refused(errors.noSession())
    }
    this.dispatchSoon()
  }

  #serveWaiters(): void {
    if (!this.sessions || this.#waiters.size === 0) return
    const free = this.queue.readySessions().filter((session) => !this.sessions?.isLocked(session))
    for (const waiter of this.#waiters) {
      const session = free.shift()
      if (session === undefined) return
      this.#waiters.delete(waiter)
      waiter.accepted(session, this.acceptSession(session, waiter.consumer))
    }
  }

  #requireSessions(): Sessions {
    if (!this.sessions) throw errors.notAllowed(`The entity '${this.path}' does not support sessions.`)
    return this.sessions
  }
}
