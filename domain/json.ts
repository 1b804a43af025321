/** What JSON can say; the type of everything that is stored as a document or crosses a workflow. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** The text at a key of a document of ours. Throws a TypeError when it is something else, which only a bug can do. */
export function textAt(document: JsonObject, key: string): string {
  const value = document[key]
  if (typeof value !== 'string') throw new TypeError(`"${key}" is not a text`)
  return value
}
