import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { tenantStates } from '../../domain/lifecycle.ts'
import type { ResolvedManifest } from '../../domain/manifest-resolve.ts'
import { instant, LtreeType } from './types.ts'

/** Why a tenant is as it is; one entry a kind. */
export type Condition = { type: 'NeedsAttention'; reason: string; message: string; since: string }

export const Tenant = defineEntity({
  name: 'Tenant',
  tableName: 'tenants',
  properties: {
    id: p.uuid().primary().defaultRaw('uuidv7()'),
    code: p.text().unique('tenants_code'),
    slug: p.text(),
    name: p.text(),
    labels: p.json<Record<string, string>>().defaultRaw(`'{}'`),
    dataKey: p.type(LtreeType).$type<string>(),
    profile: p.text(),
    plan: p.text(),
    region: p.text(),
    state: p.enum(tenantStates).default('provisioning'),
    conditions: p.json<Condition[]>().defaultRaw(`'[]'`),
    generation: p.integer().default(1),
    observedGeneration: p.integer().default(0),
    createdAt: instant(),
    updatedAt: instant(),
  },
  uniques: [{ name: 'tenants_living_slug', properties: ['slug'], where: `state <> 'purged'` }],
  indexes: [{ name: 'tenants_labels', properties: ['labels'], type: 'gin' }],
})
export type TenantRow = InferEntity<typeof Tenant>

/** One accepted manifest. The raw text and the contacts are sealed with the tenant's key: both may hold personal data. */
export const Generation = defineEntity({
  name: 'Generation',
  tableName: 'generations',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    number: p.integer().primary(),
    resolved: p.json<ResolvedManifest>(),
    raw: p.blob(),
    contacts: p.blob(),
    createdAt: instant(),
  },
})
