import { z } from 'zod'
import type { ResourceSpec } from '../../../domain/resources.ts'

const schema = z.object({
  schema: z.string(),
  ownerRole: z.string(),
  appRole: z.string(),
  passwordSecret: z.string(),
  connectionLimit: z.int().min(1),
})

/** What the strategies tell the `database` mapper of one tenant environment. */
export type DatabaseProperties = z.output<typeof schema>

/** Reads the properties of a `database` resource. Throws `ZodError` when a strategy left one out. */
export function databaseProperties(spec: ResourceSpec): DatabaseProperties {
  return schema.parse(spec.properties)
}
