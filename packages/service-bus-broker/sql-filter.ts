import { errors } from './errors.ts'

/** A value a filter compares: of a message's property or a literal; undefined is SQL's NULL. */
export type Scalar = string | number | boolean | undefined
type Property = { kind: 'property'; scope: 'sys' | 'user'; name: string }
type Operand = Property | { kind: 'literal'; value: Scalar }

/** A parsed SQL filter. */
export type SqlFilter =
  | { kind: 'and' | 'or'; left: SqlFilter; right: SqlFilter }
  | { kind: 'not'; operand: SqlFilter }
  | { kind: 'equals'; left: Operand; right: Operand }
  | { kind: 'in'; left: Operand; values: Operand[] }
  | { kind: 'like'; left: Operand; pattern: RegExp }
  | { kind: 'isNull'; left: Operand }
  | { kind: 'boolean'; left: Operand }

/** The system properties a filter may name with the prefix `sys.`, in any case. */
const systemProperties = 'ContentType CorrelationId Label MessageId ReplyTo ReplyToSessionId SessionId To'.split(' ')
const isSystemProperty = (name: string) => systemProperties.some((each) => each.toLowerCase() === name.toLowerCase())

/** Words of the language that are never the bare name of a property. */
const keywords = new Set(['AND', 'OR', 'NOT', 'IN', 'LIKE', 'IS', 'NULL', 'EXISTS', 'ESCAPE'])

/** The service's limit on the length of a filter expression, in characters. */
const maxLength = 1024

const token =
  /\s*(?:(?<string>'(?:[^']|'')*')|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<quoted>\[[^\]]+\]|"[^"]+")|(?<word>[A-Za-z_][\w$]*)|(?<sign><>|<=|>=|!=|.))/suy

type Token = { kind: 'string' | 'number' | 'quoted' | 'word' | 'sign' | 'end'; text: string }

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  token.lastIndex = 0
  const source = text.trimEnd()
  while (token.lastIndex < source.length) {
    const groups = token.exec(source)?.groups ?? {}
    const [kind, found] = Object.entries(groups).find(([, value]) => value !== undefined) ?? []
    if (kind === undefined || found === undefined) break
    tokens.push({ kind: kind as Token['kind'], text: found })
  }
  return [...tokens, { kind: 'end', text: 'the end' }]
}

const escaped = (char: string) => char.replace(/[\\^$.*+?()[\]{}|]/u, '\\$&')

/** SQL's LIKE as a regular expression: `%` any text, `_` one character, `escape` takes the next one literally. */
function likePattern(like: string, escape?: string): RegExp {
  let source = ''
  for (let i = 0; i < like.length; i++) {
    const char = like.charAt(i)
    if (char === escape && i + 1 < like.length) source += escaped(like.charAt(++i))
    else source += char === '%' ? '.*' : char === '_' ? '.' : escaped(char)
  }
  return new RegExp(`^${source}$`, 'su')
}

/**
 * Parses the subset of the service's SQL filter language this broker evaluates: `=`, `<>`, AND, OR, NOT, [NOT] IN,
 * [NOT] LIKE (with ESCAPE), IS [NOT] NULL, parentheses, literals, `sys.` and user properties. Throws a bad request that
 * names the first thing outside the subset.
 */
export function parseSqlFilter(text: string): SqlFilter {
  if (text.length > maxLength)
    throw errors.badRequest(`The filter expression has ${text.length} characters; the limit is ${maxLength}.`)
  const tokens = tokenize(text)
  let position = 0
  const peek = (): Token => tokens[position] ?? { kind: 'end', text: 'the end' }
  const next = (): Token => {
    const current = peek()
    position++
    return current
  }
  const is = (word: string) => peek().kind === 'word' && peek().text.toUpperCase() === word
  const isSign = (sign: string) => peek().kind === 'sign' && peek().text === sign
  const accept = (matches: boolean) => (matches ? (position++, true) : false)
  const refuse = (found: Token): never => {
    throw errors.badRequest(
      `The filter expression "${text}" is not supported at '${found.text}': the local broker knows =, <>, AND, OR, NOT, ` +
        'IN, LIKE, IS NULL, literals, user properties and ' +
        `sys.${systemProperties.join(', sys.')}.`,
    )
  }
  const expectSign = (sign: string) => accept(isSign(sign)) || refuse(peek())
  const unquote = (quoted: string) => quoted.slice(1, -1).replaceAll("''", "'")

  function operand(): Operand {
    const found = next()
    if (found.kind === 'string') return { kind: 'literal', value: unquote(found.text) }
    if (found.kind === 'number') return { kind: 'literal', value: Number(found.text) }
    if (found.kind === 'quoted') return { kind: 'property', scope: 'user', name: found.text.slice(1, -1) }
    if (found.kind !== 'word') return refuse(found)
    const word = found.text.toUpperCase()
    if (word === 'TRUE' || word === 'FALSE') return { kind: 'literal', value: word === 'TRUE' }
    if (keywords.has(word)) return refuse(found)
    if ((word === 'SYS' || word === 'USER') && accept(isSign('.'))) {
      const name = next()
      if (name.kind !== 'word' && name.kind !== 'quoted') return refuse(name)
      const plain = name.kind === 'quoted' ? name.text.slice(1, -1) : name.text
      if (word === 'USER') return { kind: 'property', scope: 'user', name: plain }
      return isSystemProperty(plain) ? { kind: 'property', scope: 'sys', name: plain } : refuse(name)
    }
    return isSign('(') || isSign('.') ? refuse(peek()) : { kind: 'property', scope: 'user', name: found.text }
  }

  function literalText(): string {
    const found = next()
    return found.kind === 'string' ? unquote(found.text) : refuse(found)
  }

  function predicate(): SqlFilter {
    if (accept(isSign('('))) {
      const inner = disjunction()
      expectSign(')')
      return inner
    }
    const left = operand()
    if (accept(isSign('='))) return { kind: 'equals', left, right: operand() }
    if (accept(isSign('<>'))) return { kind: 'not', operand: { kind: 'equals', left, right: operand() } }
    if (accept(is('IS'))) {
      const negated = accept(is('NOT'))
      if (!accept(is('NULL'))) refuse(peek())
      return negated ? { kind: 'not', operand: { kind: 'isNull', left } } : { kind: 'isNull', left }
    }
    const negated = accept(is('NOT'))
    const found = membership(left)
    if (found) return negated ? { kind: 'not', operand: found } : found
    return negated ? refuse(peek()) : { kind: 'boolean', left }
  }

  function membership(left: Operand): SqlFilter | undefined {
    if (accept(is('IN'))) {
      expectSign('(')
      const values = [operand()]
      while (accept(isSign(','))) values.push(operand())
      expectSign(')')
      return { kind: 'in', left, values }
    }
    if (!accept(is('LIKE'))) return undefined
    const like = literalText()
    return { kind: 'like', left, pattern: likePattern(like, accept(is('ESCAPE')) ? literalText() : undefined) }
  }

  function negation(): SqlFilter {
    return accept(is('NOT')) ? { kind: 'not', operand: negation() } : predicate()
  }
  function conjunction(): SqlFilter {
    let left = negation()
    while (accept(is('AND'))) left = { kind: 'and', left, right: negation() }
    return left
  }
  function disjunction(): SqlFilter {
    let left = conjunction()
    while (accept(is('OR'))) left = { kind: 'or', left, right: conjunction() }
    return left
  }

  const filter = disjunction()
  if (peek().kind !== 'end') refuse(peek())
  return filter
}
