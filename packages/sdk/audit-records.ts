/**
 * What an export of the audit trail is made of, one JSON object a line: first `export`, then keys, checkpoints, and each stream
 * with its events in order; at last `end`. It holds all that is needed to verify it.
 */
export type AuditRecord = AuditExport | AuditKey | AuditCheckpoint | AuditStream | AuditEvent | AuditEnd

/** Of one tenant alone when it names one. `at` is when the export began. */
export type AuditExport = { kind: 'export'; version: 1; at: string; tenant: string | null }
export type PublicSigningKey = { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string }
export type AuditKey = { kind: 'key'; key: PublicSigningKey }
/** `document` is what was hashed and signed, as it is. */
export type AuditCheckpoint = {
  kind: 'checkpoint'
  number: number
  document: string
  hash: string
  keyId: string
  signature: string
}
/** A stream as the registry counts it, and how far its destinations have it. */
export type AuditStream = {
  kind: 'stream'
  stream: string
  seq: number
  head: string
  deliveries: { destination: string; head: number; cursor: number }[]
}
/** `body` is what was hashed, as it is; the rest stands beside it in the registry. */
export type AuditEvent = {
  kind: 'event'
  stream: string
  seq: number
  id: string
  type: string
  time: string
  operation: string | null
  body: string
  previousHash: string
  hash: string
}
export type AuditEnd = { kind: 'end'; streams: number; events: number; checkpoints: number }

/** What can be wrong with a trail. */
export const findingKinds = [
  'changed',
  'removed',
  'inserted',
  'reordered',
  'cut tail',
  'bad signature',
  'cursor beyond head',
] as const

/** What is wrong, and where: in a stream of events, in `checkpoints` by their number, or in the `export` itself. */
export type AuditFinding = {
  readonly kind: (typeof findingKinds)[number]
  readonly stream: string
  readonly seq: number | null
  readonly expected: string
  readonly found: string
}
/** Takes what is found. */
export type TellFinding = (finding: AuditFinding) => void
