import { z } from '@hono/zod-openapi'
import { driftKinds } from '../domain/drift.ts'
import { resourceKinds } from '../domain/resources.ts'

/** Shapes of what would be done, and of what is not as it should be. */
const values = z.record(z.string(), z.any())

const previewedChange = z
  .object({
    action: z.enum(['create', 'change', 'migrate', 'remove']),
    resource: z.string(),
    kind: z.enum(resourceKinds),
    environment: z.string(),
    cell: z.string().nullable().describe('Cell or bus; null while a tenant that is not there has none yet'),
    from: values.nullable(),
    to: values.nullable(),
    irreversible: z.boolean().describe('Nothing gives back what was there'),
    steps: z.array(z.string()),
  })
  .openapi('PreviewedChange')

const violation = z.object({
  rule: z.string(),
  path: z.string().optional(),
  message: z.string(),
  remedy: z.string().optional(),
})

export const previewSchema = z
  .object({
    slug: z.string(),
    operation: z.enum(['provision', 'update']).nullable().describe('What applying it would be; null: nothing'),
    generation: z.int(),
    changed: z.boolean(),
    fields: z.array(z.object({ path: z.string(), from: z.any().optional(), to: z.any().optional() })),
    changes: z.array(previewedChange),
    violations: z.array(violation).describe('What would deny it'),
  })
  .openapi('Preview')

export const diffSchema = z
  .object({
    tenant: z.object({ id: z.uuid(), slug: z.string() }),
    generation: z.int().describe('Of the manifest in force'),
    drift: z.array(
      z
        .object({
          resource: z.string(),
          kind: z.enum(driftKinds),
          message: z.string(),
          expected: z.any().optional(),
          observed: z.any().optional(),
        })
        .openapi('Drift'),
    ),
  })
  .openapi('Diff')
