/** What JSON can say; the type of everything that is stored as a document or crosses a workflow. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** The text at a key of a document of ours. Throws a TypeError when it is something else, which only a bug can do. */
export function textAt(document: JsonObject, key: string): string {
  const value = document[key]
  if (typeof value !== 'string') throw new TypeError(`"${key}" is not a text`)
  return value
}

/** Whether two values say the same as JSON: the order of names does not count, and an absent name is one without a value. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => sameJson(item, b[at]))
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => sameJson(valueAt(one, name), valueAt(other, name)))
}

/** What a document has at a name of its own. */
function valueAt(document: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(document, name) ? document[name] : undefined
}
