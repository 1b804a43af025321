import { randomBytes } from 'node:crypto'
import { forever, parseDuration } from './duration.ts'
import { errors } from './errors.ts'
import type { AuthorizationRule } from './sas.ts'

/** An entity's description as its XML has it: element name to text. */
export type Fields = Readonly<Record<string, string>>

type Field = { kind: 'duration' | 'boolean' | 'integer' | 'status' | 'text'; initial: string; fixed?: true }
type Schema = Readonly<Record<string, Field>>

const field = (kind: Field['kind'], initial: string): Field => ({ kind, initial })
const fixed = (kind: Field['kind'], initial: string): Field => ({ kind, initial, fixed: true })

/** The elements of a topic's description, with the service's defaults; `fixed` ones cannot change after creation. */
export const topicSchema: Schema = {
  DefaultMessageTimeToLive: field('duration', forever),
  MaxSizeInMegabytes: field('integer', '1024'),
  RequiresDuplicateDetection: fixed('boolean', 'false'),
  DuplicateDetectionHistoryTimeWindow: field('duration', 'PT10M'),
  EnableBatchedOperations: field('boolean', 'true'),
  Status: field('status', 'Active'),
  UserMetadata: field('text', ''),
  SupportOrdering: field('boolean', 'true'),
  AutoDeleteOnIdle: field('duration', forever),
  EnablePartitioning: fixed('boolean', 'false'),
  EntityAvailabilityStatus: field('text', 'Available'),
  EnableExpress: field('boolean', 'false'),
  MaxMessageSizeInKilobytes: field('integer', '256'),
}

/** The elements of a subscription's description, as {@link topicSchema}. */
export const subscriptionSchema: Schema = {
  LockDuration: field('duration', 'PT1M'),
  RequiresSession: fixed('boolean', 'false'),
  DefaultMessageTimeToLive: field('duration', forever),
  DeadLetteringOnMessageExpiration: field('boolean', 'false'),
  DeadLetteringOnFilterEvaluationExceptions: field('boolean', 'true'),
  MaxDeliveryCount: field('integer', '10'),
  EnableBatchedOperations: field('boolean', 'true'),
  Status: field('status', 'Active'),
  UserMetadata: field('text', ''),
  AutoDeleteOnIdle: field('duration', forever),
  EntityAvailabilityStatus: field('text', 'Available'),
}

const statuses = ['Active', 'Disabled', 'SendDisabled', 'ReceiveDisabled']

/** The service's limits: characters of user metadata, authorization rules of one entity, the longest lock (ms). */
const maxMetadata = 1024
const maxAuthorizationRules = 12
const maxLock = 300_000

const valid: Record<Field['kind'], (text: string) => boolean> = {
  duration: (text) => (parseDuration(text) ?? 0) > 0,
  boolean: (text) => text === 'true' || text === 'false',
  integer: (text) => /^[1-9]\d{0,9}$/.test(text),
  status: (text) => statuses.includes(text),
  text: (text) => text.length <= maxMetadata,
}

/**
 * A whole description from the elements a client gave: checked, with defaults for the rest. `previous` is the description
 * an update replaces. Throws a bad request for elements this broker does not know or cannot change.
 */
export function describe(schema: Schema, given: Fields, previous?: Fields): Fields {
  for (const [name, text] of Object.entries(given)) {
    const known = schema[name]
    if (!known) throw errors.badRequest(`The local broker does not support '${name}'; leave it out of the description.`)
    if (!valid[known.kind](text))
      throw errors.badRequest(`The value '${text}' of '${name}' is not a valid ${known.kind}.`)
    if (known.fixed && previous && previous[name] !== text)
      throw errors.badRequest(`The value for the ${name} property of an existing entity cannot be changed.`)
  }
  if ((parseDuration(given['LockDuration'] ?? 'PT1M') ?? 0) > maxLock)
    throw errors.badRequest('LockDuration can be at most five minutes (PT5M).')
  return Object.fromEntries(Object.entries(schema).map(([name, { initial }]) => [name, given[name] ?? initial]))
}

/** Checks authorization rules a client gave for a topic and makes the keys it left out. Throws a bad request. */
export function describeRules(given: Partial<AuthorizationRule>[]): AuthorizationRule[] {
  if (given.length > maxAuthorizationRules)
    throw errors.badRequest(`An entity can have at most ${maxAuthorizationRules} authorization rules.`)
  const names = new Set(given.map((rule) => rule.keyName))
  if (names.size < given.length) throw errors.badRequest('The key names of authorization rules must be unique.')
  return given.map(({ keyName, rights = [], primaryKey, secondaryKey }) => {
    if (!keyName) throw errors.badRequest('An authorization rule needs a KeyName.')
    const known = rights.every((right) => ['Send', 'Listen', 'Manage'].includes(right))
    if (rights.length === 0 || !known)
      throw errors.badRequest(`Rule '${keyName}' needs rights out of Send, Listen and Manage.`)
    if (rights.includes('Manage') && rights.length < 3)
      throw errors.badRequest(`Manage permission of rule '${keyName}' should also include Send and Listen.`)
    return { keyName, rights, primaryKey: primaryKey || newKey(), secondaryKey: secondaryKey || newKey() }
  })
}

/** A new shared access key: 256 random bits in base64. */
export function newKey(): string {
  return randomBytes(32).toString('base64')
}
