import rhea from 'rhea'
import type { Typed } from 'rhea'
import { list, record, text } from './amqp-values.ts'
import type { Fields } from './amqp-values.ts'
import type { Request } from './cbs.ts'
import { decode, encodeDelivery, toMessage } from './codec.ts'
import type { EntityPath } from './entity-path.ts'
import { errors } from './errors.ts'
import { lockToken, lockUuid } from './lock-token.ts'
import { ruleFromMap, ruleToAmqp } from './management-rules.ts'
import type { Namespace } from './namespace.ts'
import type { Outcome } from './message.ts'
import type { Right } from './sas.ts'
import type { Sessions } from './sessions.ts'
import type { Source } from './source.ts'

const { types } = rhea

/** What a request gives back; without a body there was nothing to give (204). */
export type Reply = { body?: Fields }

/** Array constructor codes of AMQP. */
const [longCode, timestampCode] = [0x81, 0x83]
const uuids = (value: unknown): string[] =>
  list(value)
    .filter((each) => Buffer.isBuffer(each))
    .map(lockToken)
const numbers = (value: unknown): number[] =>
  list(value).map((each) => (Buffer.isBuffer(each) ? Number(each.readBigInt64BE()) : Number(each)))

/** The sessions of a source and the session a request names. Throws when there are none, or the lock is lost. */
function sessionOf(source: Source, body: Fields): { sessions: Sessions; session: string; until: number } {
  if (!source.sessions) throw errors.notAllowed(`The entity '${source.path}' does not support sessions.`)
  const session = text(body['session-id']) ?? ''
  return { sessions: source.sessions, session, until: source.sessions.lockedUntil(session) }
}

function outcomeOf(body: Fields): Outcome {
  const properties = record(body['properties-to-modify'])
  switch (body['disposition-status']) {
    case 'completed':
      return { kind: 'complete' }
    case 'abandoned':
      return { kind: 'abandon', properties }
    case 'defered': // as the protocol spells it
      return { kind: 'defer', properties }
    case 'suspended': {
      const [reason, description] = [text(body['deadletter-reason']), text(body['deadletter-description'])]
      return { kind: 'deadLetter', letter: { reason, description, properties } }
    }
    default:
      throw errors.badRequest(`Unknown disposition-status '${String(body['disposition-status'])}'.`)
  }
}

type Operation = { right: Right; run: (body: Fields, namespace: Namespace, path: EntityPath) => Reply }

const onTopic = (run: Operation['run']): Operation => ({ right: 'Send', run })
const onSource = (run: (body: Fields, source: Source) => Reply): Operation => ({
  right: 'Listen',
  run: (body, namespace, path) => run(body, namespace.source(path)),
})
const onRules = (run: Operation['run']): Operation => ({ right: 'Listen', run })

const operations: Record<string, Operation> = {
  'com.microsoft:schedule-message': onTopic((body, namespace, path) => {
    const topic = namespace.topic(path.topic)
    topic.requireSendable()
    const limit = topic.maxMessageBytes(namespace.limits.maxMessageBytes)
    const encoded = list(body['messages'])
      .map((each) => record(each)['message'])
      .filter((each) => Buffer.isBuffer(each))
    const tooLarge = encoded.find((each) => each.length > limit)
    if (tooLarge) throw errors.messageTooLarge(tooLarge.length, limit)
    const sequences = topic.publish(encoded.map((each) => toMessage(decode(each), namespace.around.now())))
    return { body: { 'sequence-numbers': types.wrap_array(sequences, longCode, undefined) } }
  }),
  'com.microsoft:cancel-scheduled-message': onTopic((body, namespace, path) => {
    namespace.topic(path.topic).cancel(numbers(body['sequence-numbers']))
    return { body: {} }
  }),
  'com.microsoft:peek-message': onSource((body, { queue }) => {
    const [from, count] = [numbers([body['from-sequence-number']])[0] ?? 0, Number(body['message-count'])]
    const found = queue.peek(from, count, text(body['session-id']))
    if (found.length === 0) return {}
    return { body: { messages: found.map((entry) => ({ message: encodeDelivery(entry) })) } }
  }),
  'com.microsoft:renew-lock': onSource((body, { queue }) => {
    const expirations = uuids(body['lock-tokens']).map((token) => queue.renew(token))
    return { body: { expirations: types.wrap_array(expirations, timestampCode, undefined) } }
  }),
  'com.microsoft:update-disposition': onSource((body, source) => {
    if (source.sessions) sessionOf(source, body)
    const outcome = outcomeOf(body)
    for (const token of uuids(body['lock-tokens'])) source.queue.settle(token, outcome)
    return { body: {} }
  }),
  'com.microsoft:receive-by-sequence-number': onSource((body, source) => {
    const destructive = body['receiver-settle-mode'] === 0
    const held = source.sessions ? sessionOf(source, body) : undefined
    const locks = source.queue.takeDeferred(numbers(body['sequence-numbers']), held?.session, destructive)
    const messages = locks.map(({ token, entry, until }) => ({
      'lock-token': types.wrap_uuid(lockUuid(token)),
      message: encodeDelivery(entry, destructive ? undefined : (held?.until ?? until)),
    }))
    return { body: { messages } }
  }),
  'com.microsoft:renew-session-lock': onSource((body, source) => {
    const { sessions, session } = sessionOf(source, body)
    return { body: { expiration: types.wrap_timestamp(sessions.renew(session)) } }
  }),
  'com.microsoft:set-session-state': onSource((body, source) => {
    const { sessions, session } = sessionOf(source, body)
    const state = body['session-state']
    sessions.setState(session, Buffer.isBuffer(state) && state.length > 0 ? state : undefined)
    return { body: {} }
  }),
  'com.microsoft:get-session-state': onSource((body, source) => {
    const { sessions, session } = sessionOf(source, body)
    return { body: { 'session-state': sessions.state(session) ?? null } }
  }),
  'com.microsoft:add-rule': onRules((body, namespace, path) => {
    namespace.putRule(path, ruleFromMap(text(body['rule-name']) ?? '', record(body['rule-description'])))
    return { body: {} }
  }),
  'com.microsoft:remove-rule': onRules((body, namespace, path) => {
    namespace.deleteRule(path, text(body['rule-name']) ?? '')
    return { body: {} }
  }),
  'com.microsoft:enumerate-rules': onRules((body, namespace, path) => {
    const { rules } = namespace.subscription(path).subscription.description
    const from = Number(body['skip'] ?? 0)
    const found = rules.slice(from, from + Number(body['top'] ?? rules.length))
    if (found.length === 0) return {}
    return { body: { rules: found.map((rule): Record<string, Typed> => ({ 'rule-description': ruleToAmqp(rule) })) } }
  }),
}

/**
 * Carries out a request to an entity's `$management` node. `require` is called with the right the operation needs and
 * throws when the connection lacks it. Throws `not-implemented` for an operation the broker does not know.
 */
export function manage(
  { body, properties }: Request,
  namespace: Namespace,
  path: EntityPath,
  require: (right: Right) => void,
): Reply {
  const operation = operations[String(properties['operation'])]
  if (!operation) throw errors.notImplemented(`The operation '${String(properties['operation'])}' is not supported.`)
  require(operation.right)
  return operation.run(record(body), namespace, path)
}
