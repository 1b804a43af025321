/** A map as AMQP carries it: anything by name. */
export type Fields = Record<string, unknown>

/** A copy of a value as a map; an empty one if it is none. */
export function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** A value if it is a text. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A value's items; none if it is no list. */
export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
