import rhea from 'rhea'
import type { Typed } from 'rhea'
import { record } from './amqp-values.ts'
import type { Fields } from './amqp-values.ts'
import { errors } from './errors.ts'
import type { Rule } from './subscription.ts'

const { types } = rhea

/** Keys of a correlation filter's map to the names filters use, in the order of the filter's list form. */
const systemKeys: readonly (readonly [key: string, property: string])[] = [
  ['correlation-id', 'correlationid'],
  ['message-id', 'messageid'],
  ['to', 'to'],
  ['reply-to', 'replyto'],
  ['label', 'label'],
  ['session-id', 'sessionid'],
  ['reply-to-session-id', 'replytosessionid'],
  ['content-type', 'contenttype'],
]

/** A rule from the map of an `add-rule` request. Throws a bad request for actions, which the broker does not run. */
export function ruleFromMap(name: string, description: Fields): Omit<Rule, 'createdAt'> {
  if (description['sql-rule-action'])
    throw errors.badRequest('The local broker does not support actions of rules; leave the action out.')
  const sql = record(description['sql-filter'])['expression']
  if (typeof sql === 'string') return { name, filter: { kind: 'sql', expression: sql } }
  const filter = record(description['correlation-filter'])
  const system = systemKeys.flatMap(([key, property]) => {
    const value = filter[key]
    return typeof value === 'string' ? [[property, value] as const] : []
  })
  return { name, filter: { kind: 'correlation', system: Object.fromEntries(system), user: userConditions(filter) } }
}

function userConditions(filter: Fields): Record<string, string | number | boolean> {
  const conditions: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(record(filter['properties']))) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw errors.badRequest(`The local broker compares texts, numbers and booleans only, not the '${name}' given.`)
    conditions[name] = value
  }
  return conditions
}

/** Descriptor codes of the service's described lists. */
const codes = { rule: 1335734829060, emptyAction: 1335734829061, sql: 83483426822, correlation: 83483426825 }

const described = (code: number, items: unknown[]): Typed =>
  types.described(types.wrap_ulong(code), types.wrap_list(items))

/** A rule as `enumerate-rules` lists it. */
export function ruleToAmqp({ name, filter }: Rule): Typed {
  const action = described(codes.emptyAction, [])
  if (filter.kind === 'sql') return described(codes.rule, [described(codes.sql, [filter.expression]), action, name])
  const values = systemKeys.map(([, property]) => filter.system[property] ?? null)
  const user = Object.keys(filter.user).length > 0 ? [types.wrap_map(filter.user)] : []
  return described(codes.rule, [described(codes.correlation, [...values, ...user]), action, name])
}
