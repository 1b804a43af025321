import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { tenantStates, type TenantState } from '../../domain/lifecycle.ts'
import type { ResolvedManifest } from '../../domain/manifest-resolve.ts'
import { instant, laterInstant, LtreeType } from './types.ts'

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
    /** The latch of suspend: whatever ends while it is set ends suspended. */
    suspended: p.boolean().default(false),
    /** State before delete, which undelete gives back. */
    stateBefore: p.text().$type<TenantState>().nullable(),
    /** When a deleted tenant is purged. */
    purgeAfter: laterInstant(),
    generation: p.integer().default(1),
    observedGeneration: p.integer().default(0),
    createdAt: instant(),
    updatedAt: instant(),
  },
  uniques: [{ name: 'tenants_living_slug', properties: ['slug'], where: `state <> 'purged'` }],
  indexes: [{ name: 'tenants_labels', properties: ['labels'], type: 'gin' }],
})
export type TenantRow = InferEntity<typeof Tenant>

/** Why a tenant is as it is; one row a type, written under the tenant's lock. */
export const Condition = defineEntity({
  name: 'Condition',
  tableName: 'conditions',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    type: p.text().$type<'NeedsAttention' | 'LegalHold' | 'UpdateFailed'>().primary(),
    reason: p.text(),
    message: p.text(),
    since: instant(),
  },
})
export type ConditionRow = InferEntity<typeof Condition>

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
    /** Keyed hash of the wish as it was parsed: the same wish again is in force, whatever the rules of today. */
    wishHash: p.text().nullable(),
    createdAt: instant(),
  },
})
