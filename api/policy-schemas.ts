import { z } from '@hono/zod-openapi'
import { ruleSchema, rulesSchema } from '../domain/policy.ts'
import { plainText } from '../domain/text.ts'
import type { PolicyVersion } from '../registry/policies.ts'
import { examplePolicy } from './examples.ts'

/** Shapes of what the API takes and gives of the policy. */
const rule = z.discriminatedUnion('kind', ruleSchema.options).openapi('PolicyRule')

export const policySchema = z
  .object({
    version: z.int().describe('0: there never were rules'),
    rules: z.array(rule),
    actor: z.string().nullable(),
    reason: z.string().nullable(),
    createdAt: z.iso.datetime().nullable(),
  })
  .openapi('Policy', { examples: [examplePolicy] })

export const policyBody = z.strictObject({ rules: rulesSchema, reason: plainText(500).optional() })

export const policyQuery = z.strictObject({
  version: z.coerce.number().int().min(0).max(1e9).optional().openapi({ description: 'Default: the one in force' }),
})

/** A version of the policy as the API shows it. */
export function policyView({ createdAt, ...policy }: PolicyVersion): z.infer<typeof policySchema> {
  return { ...policy, createdAt: createdAt?.toISOString() ?? null }
}
