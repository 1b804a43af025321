import type { Scalar, SqlFilter } from './sql-filter.ts'
import { parseSqlFilter } from './sql-filter.ts'

/** What filters see of a message: system properties by lower-case name, user properties as they were sent. */
export type FilterInput = { system: Readonly<Record<string, Scalar>>; user: Readonly<Record<string, Scalar>> }

/** A rule's filter as it is stored: SQL text, or equal-to conditions on system and user properties. */
export type FilterDescription =
  | { kind: 'sql'; expression: string }
  | { kind: 'correlation'; system: Record<string, string>; user: Record<string, string | number | boolean> }

/** Three-valued: undefined is unknown, as when a property is missing. */
type Truth = boolean | undefined

/** User properties are found whatever their case, as the service does. */
function userProperty(input: FilterInput, name: string): Scalar {
  if (Object.hasOwn(input.user, name)) return input.user[name]
  const key = Object.keys(input.user).find((key) => key.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : input.user[key]
}

const equal = (left: Scalar, right: Scalar): Truth =>
  left === undefined || right === undefined ? undefined : left === right

function evaluate(filter: SqlFilter, input: FilterInput): Truth {
  const value = (operand: Extract<SqlFilter, { kind: 'isNull' }>['left']): Scalar => {
    if (operand.kind === 'literal') return operand.value
    return operand.scope === 'sys' ? input.system[operand.name.toLowerCase()] : userProperty(input, operand.name)
  }
  switch (filter.kind) {
    case 'and': {
      const left = evaluate(filter.left, input)
      if (left === false) return false
      const right = evaluate(filter.right, input)
      return right === false ? false : left === undefined || right === undefined ? undefined : true
    }
    case 'or': {
      const left = evaluate(filter.left, input)
      if (left) return true
      const right = evaluate(filter.right, input)
      return right ? true : left === undefined || right === undefined ? undefined : false
    }
    case 'not': {
      const operand = evaluate(filter.operand, input)
      return operand === undefined ? undefined : !operand
    }
    case 'equals':
      return equal(value(filter.left), value(filter.right))
    case 'in': {
      const left = value(filter.left)
      const found = filter.values.map((each) => equal(left, value(each)))
      return found.includes(true) ? true : found.includes(undefined) ? undefined : false
    }
    case 'like': {
      const left = value(filter.left)
      return typeof left === 'string' ? filter.pattern.test(left) : undefined
    }
    case 'isNull':
      return value(filter.left) === undefined
    case 'boolean': {
      const left = value(filter.left)
      return typeof left === 'boolean' ? left : undefined
    }
  }
}

/**
 * Makes a predicate over messages from a rule's filter; unknown counts as no match. Throws a bad request for SQL outside
 * the subset of {@link parseSqlFilter}.
 */
export function compileFilter(description: FilterDescription): (input: FilterInput) => boolean {
  if (description.kind === 'sql') {
    const filter = parseSqlFilter(description.expression)
    return (input) => evaluate(filter, input) === true
  }
  const { system, user } = description
  return (input) =>
    Object.entries(system).every(([name, value]) => input.system[name] === value) &&
    Object.entries(user).every(([name, value]) => userProperty(input, name) === value)
}
