import { z } from '@hono/zod-openapi'
import { secretNamePattern } from '../domain/names.ts'
import { plainText } from '../domain/text.ts'
import type { KnownSecret } from '../registry/platform-secrets.ts'
import { time } from './schemas.ts'
import { exampleSecret } from './examples.ts'

const longestValue = 16_384

/** Shapes of what the API takes and gives of the platform's secrets; no answer holds a value. */
export const secretSchema = z
  .object({
    name: z.string(),
    version: z.int(),
    updatedBy: z.string(),
    createdAt: time,
    updatedAt: time,
    usedBy: z
      .array(z.object({ tenant: z.string(), environment: z.string() }))
      .describe('Environments that live on the server it leads to'),
  })
  .openapi('Secret', { examples: [exampleSecret] })

export const secretBody = z.strictObject({
  value: z
    .string()
    .min(1)
    .max(longestValue)
    .refine((value) => !value.includes('\0'), 'must not contain a zero character')
    .describe('Never shown again'),
  reason: plainText(500).optional(),
})

export const secretParams = z.object({
  name: z
    .string()
    .regex(
      secretNamePattern,
      'must be 1 to 63 characters: a lower-case letter, then lower-case letters, digits, . and -',
    )
    .openapi({ param: { name: 'name', in: 'path' }, description: 'Name of a secret' }),
})

/** A secret as the API shows it. */
export function secretView({ createdAt, updatedAt, ...rest }: KnownSecret): z.infer<typeof secretSchema> {
  return {
    ...rest,
    usedBy: [...rest.usedBy],
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
