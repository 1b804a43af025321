import { z } from '@hono/zod-openapi'
import { relocationStates } from '../domain/relocation.ts'
import { machineName, plainText } from '../domain/text.ts'
import { environmentName, operationSchema, time } from './schemas.ts'

/** What a move may be told. */
export const relocationBody = z.strictObject({
  environment: environmentName.default('prod'),
  target: z.strictObject({
    profile: machineName.describe('Profile of the new placement'),
    cell: machineName.optional().describe('A cell by name; any with room, unless it is said'),
  }),
  pauseBudgetMs: z.int().min(10).max(2_000).default(500).openapi({
    description: 'How long writers may wait for one try of the cut, in milliseconds',
  }),
  throttle: z.int().min(65_536).optional().openapi({
    description: 'Bytes a second that the copy may take; no limit unless it is said',
  }),
  soakSeconds: z.int().min(0).max(31_536_000).default(86_400).openapi({
    description: 'How long the move can be rolled back after the cut, in seconds',
  }),
  approval: z
    .boolean()
    .default(false)
    .openapi({ description: 'The cut waits until somebody approves it; the copy follows meanwhile' }),
  window: z
    .strictObject({ from: time, until: time })
    .refine(({ from, until }) => Date.parse(from) < Date.parse(until), {
      path: ['until'],
      message: 'is before it begins',
    })
    .optional()
    .openapi({ description: 'The cut is made between these times alone' }),
  reason: plainText(500).optional(),
})

const cutSchema = z.object({
  serving: z.enum(['source', 'target']),
  epoch: z.int(),
  tries: z.int().optional(),
  fenceMs: z.number().optional().openapi({ description: 'How long writers waited at most, in milliseconds' }),
  publishedMs: z.number().optional(),
})

export const relocationSchema = z
  .object({
    id: z.uuid(),
    environment: z.string(),
    source: z.int().openapi({ description: 'Number of the placement it began in' }),
    target: z.int(),
    profile: z.string(),
    state: z.enum(relocationStates),
    phase: z.string(),
    progress: z.record(z.string(), z.unknown()),
    cut: cutSchema.nullable(),
    rollback: cutSchema.nullable(),
    verified: z.object({ tables: z.int(), rows: z.string(), taken: z.enum(['at-the-cut', 'later']) }).nullable(),
    soakUntil: time.nullable(),
    createdAt: time,
    updatedAt: time,
    allowed: z
      .array(z.enum(['approve', 'abort', 'rollback', 'complete']))
      .openapi({ description: 'Commands that are possible now' }),
  })
  .openapi('Relocation')

export const relocationAnswer = z.object({ relocation: relocationSchema, operation: operationSchema })

/** What is asked of a plan. */
export const planBody = relocationBody.pick({ environment: true, target: true, throttle: true })

export const planSchema = z
  .object({
    environment: z.string(),
    target: z.object({ profile: z.string() }),
    tables: z.array(z.object({ name: z.string(), rows: z.number(), bytes: z.number() })),
    sequences: z.int(),
    bytes: z.number().openapi({ description: 'What the tables take, without their indexes' }),
    bytesPerSecond: z.number().openapi({ description: 'The rate that the estimate goes by' }),
    estimatedSeconds: z.number().openapi({ description: 'Of the copy and its indexes, roughly' }),
    movable: z.boolean(),
    blockers: z.array(
      z.object({
        code: z.string(),
        object: z.string(),
        message: z.string(),
        remedy: z.string(),
        isWarning: z.literal(true).optional(),
      }),
    ),
  })
  .openapi('RelocationPlan')
