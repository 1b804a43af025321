import { withProperties } from './codec.ts'
import type { Fields } from './description.ts'
import { parseDuration } from './duration.ts'
import type { BrokerError } from './errors.ts'
import { errors } from './errors.ts'
import type { FilterDescription, FilterInput } from './filter.ts'
import { compileFilter } from './filter.ts'
import { MessageQueue } from './queue.ts'
import type { DeadLetter, Entry } from './message.ts'
import type { QueuePorts } from './queue.ts'
import { Sessions } from './sessions.ts'
import { Source } from './source.ts'
import type { Storage } from './storage.ts'
import type { Ticker } from './ticker.ts'

/** A subscription's rule: messages its filter matches are copied to the subscription. */
export type Rule = { name: string; filter: FilterDescription; createdAt: number }

/** The rule of a new subscription: every message. */
export const defaultRule = (now: number): Rule => ({
  name: '$Default',
  filter: { kind: 'sql', expression: '1=1' },
  createdAt: now,
})

/** What is stored of a subscription. */
export type SubscriptionDescription = {
  name: string
  fields: Fields
  rules: Rule[]
  createdAt: number
  modifiedAt: number
}

/** What entities share: the clock, the store and the timer. */
export type Surroundings = { now: () => number; storage: Storage; ticker: Ticker }

/** Numbers of the boxes in the store for what hangs on an entity. */
export const mainBox = (id: number): number => id * 2
export const deadLetterBox = (id: number): number => id * 2 + 1

/** A subscription: its rules, its messages and its dead letters. */
export class Subscription {
  readonly id: number
  readonly path: string
  readonly main: Source
  readonly deadLetters: Source
  description: SubscriptionDescription
  #matchers: { rule: Rule; matches: (input: FilterInput) => boolean }[] = []
  #policy: ReturnType<QueuePorts['policy']>
  readonly #around: Surroundings
  readonly #topicPath: string

  constructor(
    id: number,
    topicPath: string,
    description: SubscriptionDescription,
    around: Surroundings,
    states = new Map<string, Buffer>(),
  ) {
    this.id = id
    this.path = `${topicPath}/Subscriptions/${description.name}`
    this.description = description
    this.#topicPath = topicPath
    this.#around = around
    this.#policy = this.#readPolicy(description)
    const { now, ticker, storage } = around
    const dead = new MessageQueue(
      this.#ports(
        deadLetterBox(id),
        () => this.deadLetters,
        () => ({ ...this.#policy, sessions: false }),
      ),
    )
    const main = new MessageQueue({
      ...this.#ports(
        mainBox(id),
        () => this.main,
        () => this.#policy,
      ),
      deadLetter: (entry, letter) => this.#deadLetter(entry, letter),
    })
    const saved = (session: string, state: Buffer | undefined) =>
      state ? storage.write('session', () => [id, session, state]) : storage.write('dropSession', () => [id, session])
    const sessionPorts = { now, lockDuration: () => this.#policy.lockDuration, saved }
    const sessions = this.#policy.sessions ? new Sessions(sessionPorts, states) : undefined
    this.main = new Source(this.path, main, sessions, ticker, now)
    this.deadLetters = new Source(`${this.path}/$DeadLetterQueue`, dead, undefined, ticker, now)
    this.setRules(description.rules)
  }

  /** How many of the subscription's messages are at rest or locked, and how many are dead letters. */
  get counts(): { active: number; dead: number } {
    return { active: this.main.queue.entries.size, dead: this.deadLetters.queue.entries.size }
  }

  setFields(fields: Fields): void {
    this.description = { ...this.description, fields, modifiedAt: this.#around.now() }
    this.#policy = this.#readPolicy(this.description)
  }

  /** Replaces the rules. Throws a bad request for a filter outside of what the broker evaluates. */
  setRules(rules: Rule[]): void {
    this.#matchers = rules.map((rule) => ({ rule, matches: compileFilter(rule.filter) }))
    this.description = { ...this.description, rules }
  }

  /** Whether any rule matches; `input` is read only if a rule has a look at it. */
  matches(input: () => FilterInput): boolean {
    return this.#matchers.some(
      ({ rule, matches }) => (rule.filter.kind === 'sql' && rule.filter.expression === '1=1') || matches(input()),
    )
  }

  /** Closes all receivers' links. */
  detachAll(error: BrokerError): void {
    this.main.detachAll(error)
    this.deadLetters.detachAll(error)
  }

  /** Takes a copy of a published message in. */
  enqueue(entry: Entry): void {
    const timeToLive = parseDuration(this.description.fields['DefaultMessageTimeToLive'] ?? '') ?? Infinity
    const { message } = entry
    const expiresAt = Math.min(message.expiresAt, message.enqueuedAt + timeToLive)
    this.main.queue.add({ ...entry, message: expiresAt === message.expiresAt ? message : { ...message, expiresAt } })
  }

  #deadLetter(entry: Entry, { reason, description, properties }: DeadLetter): void {
    const given = { ...properties, DeadLetterReason: reason, DeadLetterErrorDescription: description }
    const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    const message = { ...withProperties(entry.message, present), deadLetterSource: this.#topicPath }
    this.deadLetters.queue.add({ ...entry, state: 'active', message })
  }

  #ports(box: number, source: () => Source, policy: QueuePorts['policy']): QueuePorts {
    const { now, storage } = this.#around
    return {
      now,
      policy,
      save: (entry) => storage.saveEntry(box, entry),
      remove: (sequence) => storage.write('dropMessage', () => [box, sequence]),
      modify: withProperties,
      available: () => source().dispatchSoon(),
      watch: () => source().watch(),
    }
  }

  #readPolicy({ fields }: SubscriptionDescription): ReturnType<QueuePorts['policy']> {
    const lockDuration = parseDuration(fields['LockDuration'] ?? '')
    if (lockDuration === undefined) throw errors.badRequest(`Subscription '${this.path}' has no valid LockDuration.`)
    return {
      lockDuration,
      maxDeliveryCount: Number(fields['MaxDeliveryCount']),
      sessions: fields['RequiresSession'] === 'true',
      deadLetterExpired: fields['DeadLetteringOnMessageExpiration'] === 'true',
    }
  }
}
