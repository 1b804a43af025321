import { ruleFromXml, ruleToXml } from './admin-rules.ts'
import { authorizationRulesOf, child, fieldsOf, parseEntry, textOf } from './atom.ts'
import type { Entry, Xml } from './atom.ts'
import type { EntityPath } from './entity-path.ts'
import { errors } from './errors.ts'
import type { Namespace } from './namespace.ts'
import type { AuthorizationRule } from './sas.ts'
import type { Rule, Subscription } from './subscription.ts'
import type { Topic } from './topic.ts'

/** What answers are made of: the URL of the namespace, with a slash at its end, and the entity they are about. */
type Described = { base: string; path: EntityPath }

const iso = (at: number) => new Date(at).toISOString()
const times = ({ createdAt, modifiedAt }: { createdAt: number; modifiedAt: number }) => ({
  CreatedAt: iso(createdAt),
  UpdatedAt: iso(modifiedAt),
  AccessedAt: iso(modifiedAt),
})

const countNamespace = 'http://schemas.microsoft.com/netservices/2011/06/servicebus'

/** Clients read the counts behind the one prefix that the element declares. */
const counts = (active: number, dead: number, scheduled: number): Xml => ({
  '@xmlns:d2p1': countNamespace,
  'd2p1:ActiveMessageCount': String(active),
  'd2p1:DeadLetterMessageCount': String(dead),
  'd2p1:ScheduledMessageCount': String(scheduled),
  'd2p1:TransferMessageCount': '0',
  'd2p1:TransferDeadLetterMessageCount': '0',
})

const authorizationXml = ({ keyName, primaryKey, secondaryKey, rights }: AuthorizationRule): Xml => ({
  '@i:type': 'SharedAccessAuthorizationRule',
  ClaimType: 'SharedAccessKey',
  ClaimValue: 'None',
  Rights: { AccessRights: rights },
  KeyName: keyName,
  PrimaryKey: primaryKey,
  SecondaryKey: secondaryKey,
})

/** A topic as an entry. */
export function topicEntry(base: string, topic: Topic): Entry {
  const { description, subscriptions, scheduled } = topic
  const rules = description.authorizationRules.map(authorizationXml)
  const content = {
    ...description.fields,
    SizeInBytes: '0',
    AuthorizationRules: rules.length > 0 ? { AuthorizationRule: rules } : '',
    SubscriptionCount: String(subscriptions.size),
    CountDetails: counts(0, 0, scheduled.size),
    ...times(description),
  }
  return { url: base + topic.path, root: 'TopicDescription', content, at: description.modifiedAt }
}

/** A subscription as an entry. */
export function subscriptionEntry(base: string, subscription: Subscription): Entry {
  const { description, path } = subscription
  const { active, dead } = subscription.counts
  const content = {
    ...description.fields,
    MessageCount: String(active + dead),
    CountDetails: counts(active, dead, 0),
    ...times(description),
  }
  return { url: base + path, root: 'SubscriptionDescription', content, at: description.modifiedAt }
}

/** A rule as an entry. */
export function ruleEntry(base: string, subscription: Subscription, rule: Rule): Entry {
  const url = `${base}${subscription.path}/Rules/${rule.name}`
  return { url, root: 'RuleDescription', content: ruleToXml(rule), at: rule.createdAt }
}

/** Reads an entity; undefined when it is not there. */
export function readEntity(namespace: Namespace, { base, path }: Described): Entry | undefined {
  const topic = namespace.topics.get(path.topic.toLowerCase())
  if (!topic || path.subscription === undefined) return topic && topicEntry(base, topic)
  const subscription = topic.subscriptions.get(path.subscription.toLowerCase())
  if (!subscription || path.rule === undefined) return subscription && subscriptionEntry(base, subscription)
  const rule = subscription.description.rules.find(({ name }) => name.toLowerCase() === path.rule?.toLowerCase())
  return rule && ruleEntry(base, subscription, rule)
}

/** Creates an entity, or with `update` replaces its description. Throws what the namespace refuses. */
export function writeEntity(namespace: Namespace, { base, path }: Described, body: string, update: boolean): Entry {
  if (path.subscription === undefined) {
    const description = parseEntry(body, 'TopicDescription')
    const [fields, rules] = [fieldsOf(description, ['AuthorizationRules']), authorizationRulesOf(description)]
    const topic = update
      ? namespace.updateTopic(path.topic, fields, rules)
      : namespace.createTopic(path.topic, fields, rules)
    return topicEntry(base, topic)
  }
  if (path.rule === undefined) {
    const description = parseEntry(body, 'SubscriptionDescription')
    const fields = fieldsOf(description, ['DefaultRuleDescription'])
    if (update) return subscriptionEntry(base, namespace.updateSubscription(path, fields))
    const first = child(description, 'DefaultRuleDescription')
    const rule = first === undefined ? undefined : ruleFromXml(first, textOf(child(first, 'Name')) ?? '$Default')
    return subscriptionEntry(base, namespace.createSubscription(path.topic, path.subscription, fields, rule))
  }
  const rule = namespace.putRule(path, ruleFromXml(parseEntry(body, 'RuleDescription'), path.rule), update)
  return ruleEntry(base, namespace.subscription(path).subscription, rule)
}

/** Deletes an entity and all below it. Throws `not-found`. */
export function deleteEntity(namespace: Namespace, path: EntityPath): void {
  if (path.subscription === undefined) namespace.deleteTopic(path.topic)
  else if (path.rule === undefined) namespace.deleteSubscription(path)
  else namespace.deleteRule(path, path.rule)
}

const list = /^(?:(?<topics>\$Resources\/Topics)|(?<topic>.+?)\/Subscriptions(?:\/(?<subscription>[^/]+)\/Rules)?)\/?$/i

/** The entries of a list's path, in order of creation; undefined when the path is no list. Throws `not-found`. */
export function listEntities(namespace: Namespace, base: string, path: string): Entry[] | undefined {
  const groups = list.exec(path)?.groups
  if (!groups) return undefined
  if (groups['topics']) return [...namespace.topics.values()].map((topic) => topicEntry(base, topic))
  const topic = namespace.topic(groups['topic'] ?? '')
  if (groups['subscription'] === undefined)
    return [...topic.subscriptions.values()].map((subscription) => subscriptionEntry(base, subscription))
  const subscription = topic.subscriptions.get(groups['subscription'].toLowerCase())
  if (!subscription) throw errors.entityNotFound(path)
  return subscription.description.rules.map((rule) => ruleEntry(base, subscription, rule))
}
