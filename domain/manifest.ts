import { z } from 'zod'
import { environmentPattern, secretNamePattern, slugPattern } from './names.ts'
import { machineName, plainText } from './text.ts'

/**
 * The tenant manifest: what a platform engineer writes. Strict everywhere: a field nobody knows is an error, never
 * ignored. `x-freehold` in the published JSON Schema says what becomes of a field: `enforced` (Freehold acts on it),
 * `context` (handed on in the tenant context), `not-available` (refused by name until it is built).
 */
type Fate = 'enforced' | 'context' | 'not-available'
const field = (fate: Fate, description: string) => ({ description, 'x-freehold': fate })

const slug = z
  .string()
  .regex(slugPattern, 'must be 3 to 32 characters: a lower-case letter, then letters, digits and -, no - at the end')
const environmentName = z
  .string()
  .regex(
    environmentPattern,
    'must be 1 to 12 characters: a lower-case letter, then letters, digits and -, no - at the end',
  )
const secretName = z
  .string()
  .regex(
    secretNamePattern,
    'must be 1 to 63 characters: a lower-case letter, then lower-case letters, digits, . and -; the value is stored by freehold secrets put',
  )
const isolation = z.strictObject({
  database: z
    .enum(['schema', 'row', 'database'])
    .optional()
    .meta(field('enforced', 'Isolation of the database: `schema` in mt-standard, `database` in the others')),
  overrides: z
    .record(machineName, z.enum(['schema', 'row', 'database']))
    .optional()
    .meta(field('not-available', 'Isolation per data class')),
})

const metadata = z.strictObject({
  slug: slug.meta(field('enforced', 'Unique human name of the tenant, immutable')),
  name: plainText(200).meta(field('enforced', 'Display name')),
  parent: slug.optional().meta(field('not-available', 'Slug of the parent tenant')),
  labels: z.record(machineName, plainText(63)).optional().meta(field('enforced', 'Labels to filter by')),
})

const spec = z.strictObject({
  profile: machineName
    .default('mt-standard')
    .meta(
      field(
        'enforced',
        'Isolation profile: `mt-standard` shares, `st-dedicated` has its own database, container and task queue, `st-byoc` its database on a server of its own',
      ),
    ),
  plan: machineName.meta(field('enforced', 'Commercial plan, one of those configured')),
  region: machineName.meta(field('enforced', 'Region, one of those configured')),
  environments: z
    .array(
      z.strictObject({
        name: environmentName.meta(field('enforced', 'Name of the environment')),
        profile: machineName.optional().meta(field('not-available', 'Profile of this environment alone')),
        isolation: isolation.optional().meta(field('not-available', 'Isolation of this environment alone')),
        database: z
          .strictObject({ secretRef: secretName })
          .optional()
          .meta(
            field(
              'enforced',
              'Database server of the tenant’s own: the name of the secret that holds its connection URL; for `st-byoc` alone, which needs it',
            ),
          ),
      }),
    )
    .min(1)
    .max(8)
    .default([{ name: 'prod' }])
    .refine((list) => new Set(list.map((item) => item.name)).size === list.length, 'names an environment twice')
    .meta(field('enforced', 'Environments, each with resources of its own; default: prod')),
  isolation: isolation.optional().meta(field('enforced', 'How the data is isolated; default from the profile')),
  schema: z
    .strictObject({ appVersion: z.string().regex(/^\d{1,6}\.\d{1,6}\.\d{1,6}$/, 'must be a version such as 1.4.0') })
    .optional()
    .meta(field('enforced', 'Migration set of the tenant’s databases; default: the newest')),
  quotas: z
    .strictObject({
      storageGiB: z.int().min(1).max(1_000_000).optional(),
      requestsPerSecond: z.int().min(1).max(1_000_000).optional(),
      concurrentTasks: z.int().min(1).max(100_000).optional(),
    })
    .optional()
    .meta(field('context', 'Quotas; at most those of the plan, which are also the default')),
  policies: z
    .strictObject({
      residency: machineName
        .optional()
        .meta(field('enforced', 'Where the data may live; must be the residency of the region')),
      retention: z
        .string()
        .regex(/^P\d{1,5}D$/, 'must be a number of days such as P30D')
        .optional()
        .meta(field('context', 'How long deleted data is kept')),
      encryption: z
        .enum(['tenant-key'])
        .optional()
        .meta(field('enforced', 'Key that seals secrets and sensitive fields')),
      deleteProtection: z.boolean().optional().meta(field('enforced', 'Refuse delete while set')),
    })
    .optional(),
  features: z.record(machineName, z.boolean()).optional().meta(field('context', 'Feature flags')),
  settings: z
    .record(machineName, plainText(2_000))
    .optional()
    .meta(field('context', 'Settings for the tenant’s services; not for secrets')),
  contacts: z
    .array(z.strictObject({ role: machineName, email: z.email().max(254) }))
    .max(50)
    .optional()
    .meta(field('enforced', 'Contacts; sensitive, stored under the tenant’s key')),
  extensions: z
    .array(z.strictObject({ point: machineName, kind: machineName, endpoint: z.url().max(2_000) }))
    .max(50)
    .optional()
    .meta(field('not-available', 'Customisation points of the tenant’s services')),
})

export const manifestSchema = z
  .strictObject({ apiVersion: z.literal('freehold.dev/v1alpha1'), kind: z.literal('Tenant'), metadata, spec })
  .meta({ title: 'Freehold tenant manifest', id: 'TenantManifest' })

export type Manifest = z.output<typeof manifestSchema>

/** JSON Schema (2020-12) of the manifest, for editors; published by the API and kept in docs/schemas. */
export function manifestJsonSchema(): object {
  const { id: _, ...schema } = z.toJSONSchema(manifestSchema, { io: 'input' })
  return { $id: 'https://freehold.dev/schemas/tenant-v1alpha1.json', ...schema }
}
