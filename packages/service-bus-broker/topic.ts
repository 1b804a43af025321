import { filterInput } from './codec.ts'
import type { Fields } from './description.ts'
import { parseDuration } from './duration.ts'
import type { BrokerError } from './errors.ts'
import { errors } from './errors.ts'
import type { FilterInput } from './filter.ts'
import type { Entry, Message } from './message.ts'
import type { AuthorizationRule } from './sas.ts'
import type { Subscription, Surroundings } from './subscription.ts'
import { mainBox } from './subscription.ts'

/** What is stored of a topic. */
export type TopicDescription = {
  path: string
  fields: Fields
  authorizationRules: AuthorizationRule[]
  createdAt: number
  modifiedAt: number
}

/** A topic: copies what is published to its subscriptions, drops duplicates, holds back what is scheduled. */
export class Topic {
  readonly id: number
  readonly subscriptions = new Map<string, Subscription>()
  readonly scheduled = new Map<number, Entry>()
  /** The links of its senders, to be closed when it is disabled or deleted. */
  readonly senders = new Set<{ detach: (error: BrokerError) => void }>()
  description: TopicDescription
  readonly #around: Surroundings
  /** Message ids of the duplicate detection window with the time (ms) it ends for them, in that order. */
  readonly #seen: Map<string, number>
  #sequence: number
  #sequenceSaved = true

  constructor(
    id: number,
    description: TopicDescription,
    around: Surroundings,
    sequence = 0,
    seen = new Map<string, number>(),
  ) {
    this.id = id
    this.description = description
    this.#around = around
    this.#sequence = sequence
    this.#seen = seen
  }

  get path(): string {
    return this.description.path
  }

  get deadline(): number {
    const due = [...this.scheduled.values()].map((entry) => entry.message.scheduledFor ?? 0)
    return due.reduce((least, at) => Math.min(least, at), Infinity)
  }

  /** Throws `entity-disabled` when its status does not let messages in. */
  requireSendable(): void {
    const status = this.description.fields['Status'] ?? ''
    if (status === 'Disabled' || status === 'SendDisabled') throw errors.entityDisabled(this.path, status)
  }

  /** Throws `entity-disabled` when its status, or the subscription's, does not let messages out. */
  requireReceivable(subscription: Subscription): void {
    for (const { path, fields } of [this.description, { path: subscription.path, ...subscription.description }]) {
      const status = fields['Status'] ?? ''
      if (status === 'Disabled' || status === 'ReceiveDisabled') throw errors.entityDisabled(path, status)
    }
  }

  /** Closes the links that its status, or its subscriptions', no longer allows. */
  enforceStatus(): void {
    const refusal = (check: () => void) => {
      try {
        check()
        return undefined
      } catch (error) {
        return error as BrokerError
      }
    }
    const closed = refusal(() => this.requireSendable())
    if (closed) for (const sender of this.senders) sender.detach(closed)
    for (const subscription of this.subscriptions.values()) {
      const shut = refusal(() => this.requireReceivable(subscription))
      if (shut) subscription.detachAll(shut)
    }
  }

  /** The largest message (bytes) it takes, within the namespace's own limit. */
  maxMessageBytes(limit: number): number {
    return Math.min(limit, Number(this.description.fields['MaxMessageSizeInKilobytes']) * 1024)
  }

  /** Publishes messages, each at once or at its scheduled time; gives their sequence numbers. */
  publish(messages: Message[]): number[] {
    return messages.map((message) => {
      if (this.#isDuplicate(message)) return this.#sequence
      const later = message.scheduledFor !== undefined && message.scheduledFor > this.#around.now()
      return later ? this.#schedule(message) : this.#fanOut(message)
    })
  }

  /** Takes scheduled messages back. Throws `message-not-found` for one that is not there any more. */
  cancel(sequences: number[]): void {
    for (const sequence of sequences) if (!this.scheduled.has(sequence)) throw errors.messageNotFound(sequence)
    for (const sequence of sequences) this.#unschedule(sequence)
  }

  /** Puts a scheduled message back in that the store kept. */
  restoreScheduled(entry: Entry): void {
    this.scheduled.set(entry.sequence, entry)
    this.#around.ticker.watch(this)
  }

  /** Publishes what is due. */
  expire(): void {
    const now = this.#around.now()
    const due = [...this.scheduled.values()].filter((entry) => (entry.message.scheduledFor ?? 0) <= now)
    for (const { sequence, message } of due) {
      this.#unschedule(sequence)
      this.#fanOut({ ...message, enqueuedAt: now, enqueuedSequence: sequence })
    }
  }

  #isDuplicate(message: Message): boolean {
    const { fields } = this.description
    if (fields['RequiresDuplicateDetection'] !== 'true') return false
    const now = this.#around.now()
    let pruned = false
    for (const [id, until] of this.#seen) {
      if (until > now) break
      pruned = this.#seen.delete(id)
    }
    const { storage } = this.#around
    if (pruned) storage.write('dropSeen', () => [this.id, now])
    if (this.#seen.has(message.messageId)) return true
    const until = now + (parseDuration(fields['DuplicateDetectionHistoryTimeWindow'] ?? '') ?? 0)
    this.#seen.set(message.messageId, until)
    storage.write('seen', () => [this.id, message.messageId, until])
    return false
  }

  #fanOut(message: Message): number {
    const sequence = this.#nextSequence()
    const topicTimeToLive = parseDuration(this.description.fields['DefaultMessageTimeToLive'] ?? '') ?? Infinity
    const timeToLive = Math.min(message.timeToLive ?? Infinity, topicTimeToLive)
    const published = { ...message, expiresAt: message.enqueuedAt + timeToLive }
    let input: FilterInput | undefined
    for (const subscription of this.subscriptions.values()) {
      if (!subscription.matches(() => (input ??= filterInput(published)))) continue
      subscription.enqueue({ sequence, message: published, state: 'active', deliveryCount: 0 })
    }
    return sequence
  }

  #schedule(message: Message): number {
    const entry: Entry = { sequence: this.#nextSequence(), message, state: 'scheduled', deliveryCount: 0 }
    this.scheduled.set(entry.sequence, entry)
    this.#around.storage.saveEntry(mainBox(this.id), entry)
    this.#around.ticker.watch(this)
    return entry.sequence
  }

  #unschedule(sequence: number): void {
    this.scheduled.delete(sequence)
    this.#around.storage.write('dropMessage', () => [mainBox(this.id), sequence])
  }

  /** The counter is written once per commit, however many numbers it gave. */
  #nextSequence(): number {
    if (this.#sequenceSaved) {
      this.#sequenceSaved = false
      this.#around.storage.write('sequence', () => {
        this.#sequenceSaved = true
        return [this.#sequence, this.id]
      })
    }
    return ++this.#sequence
  }
}
