import type { AuditRecord } from './audit-records.ts'

type Check = (value: unknown) => boolean

const text: Check = (value) => typeof value === 'string'
const textOrNull: Check = (value) => value === null || text(value)
const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const fits =
  (shape: Record<string, Check>): Check =>
  (value) =>
    typeof value === 'object' && value !== null && misfit(value, shape) === undefined
const misfit = (value: object, shape: Record<string, Check>): string | undefined =>
  Object.entries(shape).find(([name, check]) => !check((value as Record<string, unknown>)[name]))?.[0]
const every =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)

/** What each kind of record must have, of which type; what the types of `AuditRecord` say, asked of what comes from outside. */
const shapes: {
  [Kind in AuditRecord['kind']]: Record<Exclude<keyof Extract<AuditRecord, { kind: Kind }>, 'kind'>, Check>
} = {
  export: { version: (value) => value === 1, at: text, tenant: textOrNull },
  key: { key: fits({ kty: text, crv: text, x: text, kid: text }) },
  checkpoint: { number: count, document: text, hash: text, keyId: text, signature: text },
  stream: {
    stream: text,
    seq: count,
    head: text,
    deliveries: every(fits({ destination: text, head: count, cursor: count })),
  },
  event: {
    stream: text,
    seq: count,
    id: text,
    type: text,
    time: text,
    operation: textOrNull,
    body: text,
    previousHash: text,
    hash: text,
  },
  end: { streams: count, events: count, checkpoints: count },
}

/** One line of an export as a record. Throws a SyntaxError that names the line, never quotes it, and says what does not fit. */
export function toRecord(line: string, number: number): AuditRecord {
  const wrong = (why: string) => new SyntaxError(`line ${number} is no record of an export of the audit trail: ${why}`)
  let value: { kind?: unknown } | null
  try {
    value = JSON.parse(line) as { kind?: unknown } | null
  } catch {
    throw wrong('it is not JSON')
  }
  const kind = String(value?.kind)
  if (value === null || !Object.hasOwn(shapes, kind)) throw wrong('its `kind` is none of an export')
  const field = misfit(value, shapes[kind as AuditRecord['kind']])
  if (field !== undefined) throw wrong(`\`${field}\` of its ${kind} is missing or of another type`)
  return value as AuditRecord
}
