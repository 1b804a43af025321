import { z } from '@hono/zod-openapi'
import { eventTypes, type EventType } from '../domain/events.ts'
import { exampleCheckpoint } from './examples.ts'
import { cursor, eventSchema, limit, time } from './schemas.ts'

/** Shapes of what the API takes and gives of the audit trail. */
export const auditEventSchema = eventSchema
  .extend({ stream: z.string().describe('Id of a tenant, or `platform`') })
  .openapi('AuditEvent')

export const checkpointSchema = z
  .object({
    number: z.int(),
    document: z.string().describe('Canonical JSON (RFC 8785): these bytes, in UTF-8, are what is hashed and signed'),
    hash: z.string().describe('SHA-256 of `document`, in hex'),
    keyId: z.string().describe('`kid` of the key in /.well-known/freehold/keys.json'),
    signature: z.string().describe('Ed25519 over `document`, in base64url'),
    createdAt: time,
  })
  .openapi('Checkpoint', { examples: [exampleCheckpoint] })

/** PostgreSQL has no year 0 and no zero character. */
const moment = z.iso.datetime({ offset: true }).refine((text) => !text.startsWith('0000'), 'must be in year 1 or later')
const word = z
  .string()
  .max(200)
  .refine((text) => !text.includes('\0'), 'must not contain a zero character')
const types = Object.keys(eventTypes) as [EventType, ...EventType[]]

export const auditQuery = z.strictObject({
  tenant: z.string().max(64).optional().openapi({ description: 'Id or slug; of a purged tenant the id' }),
  type: z.enum(types).optional(),
  actor: word.optional().openapi({ description: 'As key:<name>, or system:<part>' }),
  operation: z.uuid().optional(),
  correlation: word.optional().openapi({ description: 'Correlation id of a request' }),
  from: moment.optional().openapi({ description: 'Not before this time' }),
  to: moment.optional().openapi({ description: 'Before this time' }),
  limit,
  cursor,
})

export const checkpointsQuery = z.strictObject({ after: z.coerce.number().int().min(0).max(2e9).default(0), limit })
