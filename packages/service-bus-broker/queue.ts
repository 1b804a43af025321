import { randomUUID } from 'node:crypto'
import { errors } from './errors.ts'
import type { DeadLetter, Entry, Lock, Message, Outcome } from './message.ts'
import { ReadyList } from './ready-list.ts'

/** What a queue needs of its surroundings; journal calls record what must outlive a restart. */
export type QueuePorts = {
  now: () => number
  policy: () => { lockDuration: number; maxDeliveryCount: number; sessions: boolean; deadLetterExpired: boolean }
  save: (entry: Entry) => void
  remove: (sequence: number) => void
  /** Adds application properties to a message. */
  modify: (message: Message, properties: Record<string, unknown>) => Message
  /** Takes a message that leaves for the dead letters; absent in the dead letters themselves. */
  deadLetter?: (entry: Entry, letter: DeadLetter) => void
  /** A message became available to receivers. */
  available: () => void
  /** {@link MessageQueue.deadline} may have become finite. */
  watch: () => void
}

/** The key of messages outside of any session. */
const noSession = ''

/** One queue of a subscription (its messages or its dead letters): order, locks, delivery counts and expiry. No I/O. */
export class MessageQueue {
  readonly entries = new Map<number, Entry>()
  readonly #ready = new Map<string, ReadyList>()
  /** By token. All locks last equally long and a renewed one is put last, so the order is that of expiry. */
  readonly #locks = new Map<string, Lock>()
  readonly #ports: QueuePorts
  #nextExpiry = Infinity

  constructor(ports: QueuePorts) {
    this.#ports = ports
  }

  /** When {@link expire} has something to do next (ms), or Infinity. */
  get deadline(): number {
    const oldest = this.#ports.policy().sessions ? undefined : this.#locks.values().next().value
    return Math.min(oldest?.until ?? Infinity, this.#nextExpiry)
  }

  /** Takes an entry in; a `restored` one came from the journal. */
  add(entry: Entry, restored = false): void {
    const { message } = entry
    const { sessions } = this.#ports.policy()
    if (sessions && message.sessionId === undefined && this.#ports.deadLetter) {
      const description = 'Session enabled entity does not allow a message whose session identifier is null.'
      this.#ports.deadLetter(entry, { reason: 'Session ID is null', description })
      return
    }
    this.entries.set(entry.sequence, entry)
    if (!restored) this.#ports.save(entry)
    if (this.#ports.deadLetter && message.expiresAt !== Infinity) {
      this.#nextExpiry = Math.min(this.#nextExpiry, message.expiresAt)
      this.#ports.watch()
    }
    if (entry.state === 'active') this.#makeReady(entry)
  }

  /** The first available entry of a session (or outside of sessions), locked; or removed at once if `destructive`. */
  take(sessionId: string | undefined, destructive: boolean): Lock | undefined {
    const session = sessionId ?? noSession
    const list = this.#ready.get(session)
    let entry = list?.shift()
    while (entry && this.#isExpired(entry)) {
      this.#expireEntry(entry)
      entry = list?.shift()
    }
    if (session !== noSession && !list?.first) this.#ready.delete(session)
    return entry && this.#hand(entry, destructive)
  }

  /** Sessions that have an available message, in order of their first ones. */
  readySessions(): string[] {
    const firsts = [...this.#ready].flatMap(([session, list]) => (list.first ? [{ session, first: list.first }] : []))
    return firsts.toSorted((a, b) => a.first.sequence - b.first.sequence).map(({ session }) => session)
  }

  /** Locks (or takes out) deferred messages by number. Throws `message-not-found` for one that is not there or not deferred. */
  takeDeferred(sequences: number[], sessionId: string | undefined, destructive: boolean): Lock[] {
    const locked = new Set([...this.#locks.values()].map((lock) => lock.entry))
    const entries = sequences.map((sequence) => {
      const entry = this.entries.get(sequence)
      if (entry?.state !== 'deferred' || locked.has(entry) || entry.message.sessionId !== sessionId)
        throw errors.messageNotFound(sequence)
      return entry
    })
    return entries.map((entry) => this.#hand(entry, destructive))
  }

  /** Ends a delivery. Throws `message-lock-lost` when the lock is gone. */
  settle(token: string, outcome: Outcome): void {
    const { entry } = this.#held(token)
    if (outcome.kind === 'deadLetter' && !this.#ports.deadLetter)
      throw errors.notAllowed('A message that is dead-lettered already cannot be dead-lettered again.')
    this.#locks.delete(token)
    if (outcome.kind === 'complete') return this.#removeEntry(entry)
    if (outcome.kind === 'deadLetter') return this.#toDeadLetters(entry, outcome.letter)
    if (outcome.properties) entry.message = this.#ports.modify(entry.message, outcome.properties)
    if (outcome.kind === 'abandon') return this.#giveBack(entry, true)
    entry.state = 'deferred'
    entry.deliveryCount++
    this.#ports.save(entry)
  }

  /** Renews a lock and gives its new end (ms). Throws `message-lock-lost`. */
  renew(token: string): number {
    const lock = this.#held(token)
    this.#locks.delete(token)
    lock.until = this.#ports.now() + this.#ports.policy().lockDuration
    this.#locks.set(token, lock)
    return lock.until
  }

  /** Gives back all messages a session's receiver held; `counted` if its lock was lost rather than released. */
  releaseSession(sessionId: string, counted: boolean): void {
    for (const lock of this.#locks.values()) {
      if (lock.entry.message.sessionId !== sessionId) continue
      this.#locks.delete(lock.token)
      this.#giveBack(lock.entry, counted)
    }
  }

  /** Up to `count` entries from a sequence number on, whatever their state, optionally of one session. */
  peek(from: number, count: number, sessionId?: string): Entry[] {
    const found: Entry[] = []
    for (const entry of [...this.entries.values()].toSorted((a, b) => a.sequence - b.sequence)) {
      if (found.length === count) break
      if (entry.sequence < from || (sessionId !== undefined && entry.message.sessionId !== sessionId)) continue
      if (!this.#isExpired(entry)) found.push(entry)
    }
    return found
  }

  /** Forgets everything: the queue is deleted. */
  clear(): void {
    this.entries.clear()
    this.#ready.clear()
    this.#locks.clear()
    this.#nextExpiry = Infinity
  }

  /** Gives back messages whose lock ran out and removes those whose time to live ended. */
  expire(): void {
    const now = this.#ports.now()
    if (!this.#ports.policy().sessions) {
      for (const lock of this.#locks.values()) {
        if (lock.until > now) break
        this.#locks.delete(lock.token)
        this.#giveBack(lock.entry, true)
      }
    }
    if (this.#nextExpiry > now) return
    const locked = new Set([...this.#locks.values()].map((lock) => lock.entry))
    const expired = new Set([...this.entries.values()].filter((entry) => this.#isExpired(entry) && !locked.has(entry)))
    for (const list of this.#ready.values()) list.drop(expired)
    for (const entry of expired) this.#expireEntry(entry)
    // A locked one that is overdue is looked at again when its lock ends; the rest tell when to come back.
    const later = [...this.entries.values()].map((entry) => entry.message.expiresAt).filter((at) => at > now)
    this.#nextExpiry = later.reduce((least, at) => Math.min(least, at), Infinity)
  }

  #held(token: string): Lock {
    const lock = this.#locks.get(token)
    if (!lock || (!this.#ports.policy().sessions && lock.until <= this.#ports.now())) throw errors.messageLockLost()
    return lock
  }

  #hand(entry: Entry, destructive: boolean): Lock {
    const lock = { token: randomUUID(), entry, until: this.#ports.now() + this.#ports.policy().lockDuration }
    if (destructive) this.#removeEntry(entry)
    else {
      this.#locks.set(lock.token, lock)
      this.#ports.watch()
    }
    return lock
  }

  #giveBack(entry: Entry, counted: boolean): void {
    if (counted) entry.deliveryCount++
    const { maxDeliveryCount } = this.#ports.policy()
    if (this.#isExpired(entry)) return this.#expireEntry(entry)
    if (this.#ports.deadLetter && entry.deliveryCount >= maxDeliveryCount) {
      const description = `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`
      return this.#toDeadLetters(entry, { reason: 'MaxDeliveryCountExceeded', description })
    }
    this.#ports.save(entry)
    if (entry.state === 'active') this.#makeReady(entry)
  }

  #isExpired(entry: Entry): boolean {
    return Boolean(this.#ports.deadLetter) && entry.state === 'active' && entry.message.expiresAt <= this.#ports.now()
  }

  #expireEntry(entry: Entry): void {
    const description = 'The message expired and was dead lettered.'
    if (this.#ports.policy().deadLetterExpired)
      this.#toDeadLetters(entry, { reason: 'TTLExpiredException', description })
    else this.#removeEntry(entry)
  }

  #toDeadLetters(entry: Entry, letter: DeadLetter): void {
    this.#removeEntry(entry)
    this.#ports.deadLetter?.(entry, letter)
  }

  #removeEntry(entry: Entry): void {
    this.entries.delete(entry.sequence)
    this.#ports.remove(entry.sequence)
  }

  #makeReady(entry: Entry): void {
    const session = this.#ports.policy().sessions ? (entry.message.sessionId ?? noSession) : noSession
    const list = this.#ready.get(session) ?? new ReadyList()
    this.#ready.set(session, list)
    list.add(entry)
    this.#ports.available()
  }
}
