import { closest } from 'fastest-levenshtein'
import { isNode, isScalar, LineCounter, parseAllDocuments, visit, type Document } from 'yaml'
import { z } from 'zod'
import { errorText, FreeholdError, type ErrorDetail } from './errors.ts'
import { manifestSchema, type Manifest } from './manifest.ts'

/** A hostile body can hold thousands of faults; nobody reads more of them, and placing each one takes time. */
const maximumDetails = 50

/**
 * Reads one manifest from YAML or JSON text (JSON is a subset of YAML, so one reader gives positions for both).
 * Throws `malformed_body` for text that does not parse, `manifest_invalid` for what does not fit the schema; the details
 * carry the path, and line and column counted from 1.
 */
export function readManifest(text: string): Manifest {
  const lines = new LineCounter()
  const document = parseOne(text, lines)
  const parsed = manifestSchema.safeParse(toValue(document))
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.flatMap(explain)
  const details = issues.slice(0, maximumDetails).map(({ path, message }) => ({
    path: path.join('.').slice(0, 200) || '(the document)',
    message,
    ...position(document, lines, path),
  }))
  throw new FreeholdError(
    'manifest_invalid',
    `the manifest has ${issues.length} error${issues.length > 1 ? 's' : ''}: ${summary(details)}`,
    { details },
  )
}

/** The plain value; `yaml` throws a ReferenceError for an alias of nothing and for aliases that multiply beyond the bound. */
function toValue(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 20 })
  } catch (error) {
    throw new FreeholdError('malformed_body', `the manifest is not well-formed: ${errorText(error)}`)
  }
}

function parseOne(text: string, lineCounter: LineCounter): Document.Parsed {
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: false })
  const all = 'empty' in documents ? [] : documents
  const faults = all.flatMap((document) => [...document.errors, ...document.warnings])
  if (faults.length > 0) {
    const details = faults.slice(0, maximumDetails).map((fault) => {
      const { line, col } = lineCounter.linePos(fault.pos[0])
      return { message: fault.message, line, column: col }
    })
    throw new FreeholdError('malformed_body', `the manifest is not well-formed: ${summary(details)}`, { details })
  }
  const [document, ...more] = all
  if (document === undefined || document.contents === null)
    throw new FreeholdError('malformed_body', 'the body holds no manifest')
  if (more.length > 0)
    throw new FreeholdError('malformed_body', `the body holds ${all.length} documents; send one tenant a request`)
  checkKeys(document, lineCounter)
  return document
}

/**
 * Every key must be a plain name given once. Checked here because the check of `yaml` takes quadratic time, and because
 * zod passes over a key `__proto__` in a record without a word, while nothing given may be ignored in silence.
 */
function checkKeys(document: Document.Parsed, lineCounter: LineCounter): void {
  visit(document, {
    Map(_, { items, range }) {
      const seen = new Set<string>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : undefined
        const usable = name !== undefined && name !== '__proto__' && !seen.has(name)
        if (!usable) refuseKey(name, (isNode(key) ? key.range : range)?.[0] ?? 0, lineCounter)
        else seen.add(name)
      }
    },
  })
}

function refuseKey(name: string | undefined, offset: number, lineCounter: LineCounter): never {
  const { line, col } = lineCounter.linePos(offset)
  const shown = name?.slice(0, 200)
  const message =
    name === undefined
      ? 'the name of a field must be a plain text'
      : name === '__proto__'
        ? '__proto__ cannot be the name of a field'
        : `the field ${shown} is given twice`
  const details = [{ message, line, column: col }]
  throw new FreeholdError('malformed_body', `the manifest is not well-formed: ${summary(details)}`, { details })
}

type Issue = { path: PropertyKey[]; message: string }

/** Turns one zod issue into sentences; unknown fields get one each, with the nearest known name. */
function explain(issue: z.core.$ZodIssue): Issue[] {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return [{ path: issue.path, message: 'is missing' }]
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }]
  const known = knownFields(issue.path)
  return issue.keys.map((key) => {
    const near = known.length > 0 ? closest(key, known) : undefined
    const hint = near === undefined ? '' : `; did you mean ${near}? Known here: ${known.join(', ')}`
    return { path: [...issue.path, key], message: `unknown field${hint}` }
  })
}

/** The field names the schema knows at this path. */
function knownFields(path: readonly PropertyKey[]): string[] {
  let at: z.core.$ZodType = manifestSchema
  for (const part of path) {
    at = unwrap(at)
    if (at instanceof z.ZodObject) at = at.shape[String(part)] as z.core.$ZodType
    else if (at instanceof z.ZodArray) at = at.element
    else return []
  }
  const object = unwrap(at)
  return object instanceof z.ZodObject ? Object.keys(object.shape) : []
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? unwrap(schema.unwrap()) : schema
}

/** Line and column of the value at the path, or of the nearest thing above that is there. */
function position(
  document: Document.Parsed,
  lines: LineCounter,
  path: readonly PropertyKey[],
): { line?: number; column?: number } {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as
      | { range?: readonly [number, number, number] | null }
      | undefined
    if (node?.range) {
      const { line, col } = lines.linePos(node.range[0])
      return { line, column: col }
    }
  }
  return {}
}

function summary(details: readonly ErrorDetail[]): string {
  const [first, ...rest] = details
  if (first === undefined) return 'unreadable'
  const place = [first.path, first.line === undefined ? undefined : `line ${first.line}, column ${first.column}`]
    .filter(Boolean)
    .join(', ')
  return `${place}: ${first.message}${rest.length > 0 ? ` (and ${rest.length} more)` : ''}`
}
