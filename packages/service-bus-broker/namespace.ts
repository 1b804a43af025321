import type { Fields } from './description.ts'
import { describe, describeRules, newKey, subscriptionSchema, topicSchema } from './description.ts'
import type { EntityPath } from './entity-path.ts'
import { parseEntityPath } from './entity-path.ts'
import { errors } from './errors.ts'
import { compileFilter } from './filter.ts'
import type { AuthorizationRule } from './sas.ts'
import type { Source } from './source.ts'
import type { Rule, Surroundings } from './subscription.ts'
import { deadLetterBox, defaultRule, mainBox, Subscription } from './subscription.ts'
import { Topic } from './topic.ts'

/** Bounds of a namespace. */
export type Limits = { topics: number; subscriptionsPerTopic: number; maxMessageBytes: number }

const topicName = /^[A-Za-z0-9](?:[\w.\-/]{0,258}[A-Za-z0-9])?$/
const shortName = /^[A-Za-z0-9$](?:[\w.-]{0,48}[A-Za-z0-9])?$/

/** The name of the authorization rule every namespace is born with. */
export const rootKeyName = 'RootManageSharedAccessKey'

/** The entities of one namespace: finding, creating, changing and deleting them. Names are found whatever their case. */
export class Namespace {
  readonly name: string
  readonly limits: Limits
  readonly around: Surroundings
  /** By lower-case path. */
  readonly topics = new Map<string, Topic>()
  readonly #rootRule: AuthorizationRule
  readonly #nextId: () => number

  constructor(name: string, rootKey: string, limits: Limits, around: Surroundings, nextId: () => number) {
    this.name = name
    this.limits = limits
    this.around = around
    this.#nextId = nextId
    const rights: AuthorizationRule['rights'] = ['Manage', 'Send', 'Listen']
    this.#rootRule = { keyName: rootKeyName, primaryKey: rootKey, secondaryKey: newKey(), rights }
  }

  /** The rules whose keys may open a path: those of the topic it belongs to and the namespace's own. */
  rulesFor(path: string): AuthorizationRule[] {
    const topic = this.topics.get(parseEntityPath(path)?.topic.toLowerCase() ?? '')
    return [...(topic?.description.authorizationRules ?? []), this.#rootRule]
  }

  /** Throws `not-found`. */
  topic(path: string): Topic {
    const topic = this.topics.get(path.toLowerCase())
    if (!topic) throw errors.entityNotFound(path)
    return topic
  }

  /** Throws `not-found`. */
  subscription(path: EntityPath): { topic: Topic; subscription: Subscription } {
    const topic = this.topic(path.topic)
    const subscription = topic.subscriptions.get(path.subscription?.toLowerCase() ?? '')
    if (!subscription) throw errors.entityNotFound(`${topic.path}/Subscriptions/${path.subscription ?? ''}`)
    return { topic, subscription }
  }

  /** What receivers of an address attach to. Throws `not-found` or `entity-disabled`. */
  source(path: EntityPath): Source {
    const { topic, subscription } = this.subscription(path)
    topic.requireReceivable(subscription)
    return path.deadLetters ? subscription.deadLetters : subscription.main
  }

  /** Throws a conflict, a bad request or, when the namespace is full, `quota-exceeded`. */
  createTopic(path: string, given: Fields, rules: Partial<AuthorizationRule>[] = []): Topic {
    if (!topicName.test(path)) throw errors.badRequest(`'${path}' is not a valid name of a topic.`)
    if (this.topics.has(path.toLowerCase())) throw errors.entityExists(path)
    const { topics } = this.limits
    if (this.topics.size >= topics)
      throw errors.quotaExceeded(
        `The maximum number of topics (${topics}) of namespace '${this.name}' has been reached. ` +
          'Delete topics that are not needed or use another namespace.',
      )
    const now = this.around.now()
    const [fields, authorizationRules] = [describe(topicSchema, given), describeRules(rules)]
    const description = { path, fields, authorizationRules, createdAt: now, modifiedAt: now }
    const topic = new Topic(this.#nextId(), description, this.around)
    this.topics.set(path.toLowerCase(), topic)
    this.#saveTopic(topic)
    return topic
  }

  /** Replaces a topic's description; without `rules` it keeps its authorization rules. */
  updateTopic(path: string, given: Fields, rules?: Partial<AuthorizationRule>[]): Topic {
    const topic = this.topic(path)
    const { description } = topic
    topic.description = {
      ...description,
      fields: describe(topicSchema, given, description.fields),
      authorizationRules: rules ? describeRules(rules) : description.authorizationRules,
      modifiedAt: this.around.now(),
    }
    topic.enforceStatus()
    this.#saveTopic(topic)
    return topic
  }

  deleteTopic(path: string): void {
    const topic = this.topic(path)
    for (const subscription of topic.subscriptions.values()) this.#dropSubscription(topic, subscription)
    this.topics.delete(path.toLowerCase())
    for (const sender of topic.senders) sender.detach(errors.entityNotFound(topic.path))
    topic.scheduled.clear()
    const { storage } = this.around
    storage.write('dropBox', () => [mainBox(topic.id)])
    storage.write('dropSeen', () => [topic.id, Number.MAX_SAFE_INTEGER])
    storage.write('dropEntity', () => [topic.id])
  }

  /** Throws a conflict, a bad request or, when the topic is full, `quota-exceeded`. */
  createSubscription(topicPath: string, name: string, given: Fields, rule?: Omit<Rule, 'createdAt'>): Subscription {
    const topic = this.topic(topicPath)
    if (!shortName.test(name)) throw errors.badRequest(`'${name}' is not a valid name of a subscription.`)
    if (topic.subscriptions.has(name.toLowerCase())) throw errors.entityExists(`${topic.path}/Subscriptions/${name}`)
    const { subscriptionsPerTopic } = this.limits
    if (topic.subscriptions.size >= subscriptionsPerTopic)
      throw errors.quotaExceeded(
        `The maximum number of subscriptions (${subscriptionsPerTopic}) of topic '${topic.path}' has been reached.`,
      )
    const now = this.around.now()
    const rules = [rule ? { ...rule, createdAt: now } : defaultRule(now)]
    const fields = describe(subscriptionSchema, given)
    const description = { name, fields, rules, createdAt: now, modifiedAt: now }
    const subscription = new Subscription(this.#nextId(), topic.path, description, this.around)
    topic.subscriptions.set(name.toLowerCase(), subscription)
    this.#saveSubscription(topic, subscription)
    return subscription
  }

  updateSubscription(path: EntityPath, given: Fields): Subscription {
    const { topic, subscription } = this.subscription(path)
    subscription.setFields(describe(subscriptionSchema, given, subscription.description.fields))
    topic.enforceStatus()
    this.#saveSubscription(topic, subscription)
    return subscription
  }

  deleteSubscription(path: EntityPath): void {
    const { topic, subscription } = this.subscription(path)
    this.#dropSubscription(topic, subscription)
  }

  /** Adds a rule, or replaces the one of that name if `replace`. Throws a conflict, `not-found` or a bad request. */
  putRule(path: EntityPath, rule: Omit<Rule, 'createdAt'>, replace = false): Rule {
    const { topic, subscription } = this.subscription(path)
    if (!shortName.test(rule.name)) throw errors.badRequest(`'${rule.name}' is not a valid name of a rule.`)
    compileFilter(rule.filter)
    const { rules } = subscription.description
    const others = rules.filter((each) => each.name.toLowerCase() !== rule.name.toLowerCase())
    const exists = others.length < rules.length
    if (exists && !replace) throw errors.entityExists(`${subscription.path}/Rules/${rule.name}`)
    if (!exists && replace) throw errors.entityNotFound(`${subscription.path}/Rules/${rule.name}`)
    const added = { ...rule, createdAt: this.around.now() }
    subscription.setRules([...others, added])
    this.#saveSubscription(topic, subscription)
    return added
  }

  /** Throws `not-found`. */
  deleteRule(path: EntityPath, name: string): void {
    const { topic, subscription } = this.subscription(path)
    const { rules } = subscription.description
    const others = rules.filter((rule) => rule.name.toLowerCase() !== name.toLowerCase())
    if (others.length === rules.length) throw errors.entityNotFound(`${subscription.path}/Rules/${name}`)
    subscription.setRules(others)
    this.#saveSubscription(topic, subscription)
  }

  #dropSubscription(topic: Topic, subscription: Subscription): void {
    topic.subscriptions.delete(subscription.description.name.toLowerCase())
    subscription.detachAll(errors.entityNotFound(subscription.path))
    for (const { queue } of [subscription.main, subscription.deadLetters]) queue.clear()
    const { storage } = this.around
    for (const box of [mainBox(subscription.id), deadLetterBox(subscription.id)]) storage.write('dropBox', () => [box])
    storage.write('dropSessions', () => [subscription.id])
    storage.write('dropEntity', () => [subscription.id])
  }

  #saveTopic(topic: Topic): void {
    const stored = JSON.stringify(topic.description)
    this.around.storage.write('entity', () => [topic.id, null, this.name, stored])
  }

  #saveSubscription(topic: Topic, subscription: Subscription): void {
    const stored = JSON.stringify(subscription.description)
    this.around.storage.write('entity', () => [subscription.id, topic.id, this.name, stored])
  }
}
