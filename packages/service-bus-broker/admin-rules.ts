import { child, children, schemaInstance, textOf } from './atom.ts'
import type { Xml } from './atom.ts'
import { errors } from './errors.ts'
import type { FilterDescription } from './filter.ts'
import type { Rule } from './subscription.ts'

/** Elements of a correlation filter to the names filters use. */
const systemElements: Readonly<Record<string, string>> = {
  CorrelationId: 'correlationid',
  MessageId: 'messageid',
  To: 'to',
  ReplyTo: 'replyto',
  Label: 'label',
  SessionId: 'sessionid',
  ReplyToSessionId: 'replytosessionid',
  ContentType: 'contenttype',
}

const typeOf = (element: Xml | undefined) =>
  typeof element === 'object' && typeof element['@type'] === 'string' ? element['@type'] : ''

function userConditions(properties: Xml | undefined): Record<string, string | number | boolean> {
  const conditions: Record<string, string | number | boolean> = {}
  for (const pair of children(properties, 'KeyValueOfstringanyType')) {
    const [key, value] = [textOf(child(pair, 'Key')) ?? '', child(pair, 'Value')]
    const [type, text] = [typeOf(value).split(':').at(-1), textOf(value) ?? '']
    if (type === 'string') conditions[key] = text
    else if (type === 'boolean') conditions[key] = text === 'true'
    else if (type === 'double' || type === 'int' || type === 'long') conditions[key] = Number(text)
    else throw errors.badRequest(`The local broker compares texts, numbers and booleans only, not the '${key}' given.`)
  }
  return conditions
}

function filterOf(filter: Xml | undefined): FilterDescription {
  switch (typeOf(filter)) {
    case 'TrueFilter':
      return { kind: 'sql', expression: '1=1' }
    case 'FalseFilter':
      return { kind: 'sql', expression: '1=0' }
    case 'SqlFilter':
      if (child(filter, 'Parameters') !== undefined)
        throw errors.badRequest('The local broker does not support parameters of SQL filters; write the values out.')
      return { kind: 'sql', expression: textOf(child(filter, 'SqlExpression')) ?? '' }
    case 'CorrelationFilter': {
      const system = Object.entries(systemElements).flatMap(([element, property]) => {
        const text = textOf(child(filter, element))
        return text === undefined ? [] : [[property, text] as const]
      })
      return {
        kind: 'correlation',
        system: Object.fromEntries(system),
        user: userConditions(child(filter, 'Properties')),
      }
    }
    default:
      throw errors.badRequest(`A rule needs a filter of a known type, not '${typeOf(filter)}'.`)
  }
}

/** A rule from its description. Throws a bad request for actions, which the broker does not run, and unknown filters. */
export function ruleFromXml(description: Xml, name: string): Omit<Rule, 'createdAt'> {
  if (textOf(child(child(description, 'Action'), 'SqlExpression')))
    throw errors.badRequest('The local broker does not support actions of rules; leave the action out.')
  return { name, filter: filterOf(child(description, 'Filter')) }
}

/** Clients read the type behind a prefix of four letters and a colon. */
const valueXml = (value: string | number | boolean): Xml => {
  const type = typeof value === 'number' ? 'double' : typeof value
  return { '@i:type': `d6p1:${type}`, '@xmlns:d6p1': 'http://www.w3.org/2001/XMLSchema', '#text': String(value) }
}

function filterXml(filter: FilterDescription): Xml {
  if (filter.kind === 'sql') {
    const type = filter.expression === '1=1' ? 'TrueFilter' : filter.expression === '1=0' ? 'FalseFilter' : 'SqlFilter'
    return { '@i:type': type, SqlExpression: filter.expression, CompatibilityLevel: '20' }
  }
  const pairs = Object.entries(filter.user).map(([Key, value]) => ({ Key, Value: valueXml(value) }))
  const system = Object.entries(systemElements).flatMap(([element, property]) => {
    const value = filter.system[property]
    return value === undefined ? [] : [[element, value] as const]
  })
  const properties = pairs.length > 0 ? { Properties: { KeyValueOfstringanyType: pairs } } : {}
  return { '@i:type': 'CorrelationFilter', ...Object.fromEntries(system), ...properties }
}

/** A rule's description. */
export function ruleToXml({ name, filter, createdAt }: Rule): Exclude<Xml, string> {
  return {
    Filter: filterXml(filter),
    Action: { '@i:type': 'EmptyRuleAction', '@xmlns:i': schemaInstance },
    CreatedAt: new Date(createdAt).toISOString(),
    Name: name,
  }
}
