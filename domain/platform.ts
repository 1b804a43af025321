import { z } from 'zod'
import { environmentPattern } from './names.ts'
import { machineName, plainText } from './text.ts'

/**
 * The platform file: what the operator of Freehold offers to tenants, and where. Read at start and recorded in the
 * registry; credentials are references (`env:NAME` or `file:PATH`), never values.
 */
const secretReference = z.string().regex(/^(env:[A-Z][A-Z0-9_]*|file:.+)$/, 'must be env:NAME or file:PATH')

const cell = z.strictObject({
  name: machineName,
  region: machineName,
  environments: z.array(z.string().regex(environmentPattern)).optional(),
  profiles: z.array(machineName).min(1),
  capacity: z.int().min(0),
  state: z.enum(['open', 'draining', 'closed']).default('open'),
  database: z.strictObject({
    credential: secretReference,
    endpoint: z.strictObject({ host: plainText(253), port: z.int().min(1).max(65_535) }).optional(),
  }),
  objectStore: z.strictObject({ root: plainText(1_000), container: machineName.default('data-shared') }),
})

const plan = z.strictObject({
  name: machineName,
  weight: z.number().min(0.001).max(1_000),
  databaseConnections: z.int().min(1).max(1_000),
  quotas: z.strictObject({
    storageGiB: z.int().min(1),
    requestsPerSecond: z.int().min(1),
    concurrentTasks: z.int().min(1),
  }),
})

const unique = (list: readonly { name: string }[]) => new Set(list.map((item) => item.name)).size === list.length

export const platformSchema = z
  .strictObject({
    regions: z
      .array(z.strictObject({ name: machineName, residency: machineName }))
      .min(1)
      .refine(unique, 'names a region twice'),
    plans: z.array(plan).min(1).refine(unique, 'names a plan twice'),
    cells: z.array(cell).min(1).refine(unique, 'names a cell twice'),
  })
  .refine(
    (platform) => platform.cells.every((item) => platform.regions.some((region) => region.name === item.region)),
    'has a cell in a region that is not listed',
  )

export type Platform = z.output<typeof platformSchema>
export type Plan = Platform['plans'][number]
export type CellDeclaration = Platform['cells'][number]
