import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { Tenant } from './tenant.ts'
import { instant } from './types.ts'

/** The tenant's key, wrapped by the platform key. Deleting the row shreds everything sealed with it. */
export const TenantKey = defineEntity({
  name: 'TenantKey',
  tableName: 'tenant_keys',
  properties: { tenant: () => p.manyToOne(Tenant).mapToPk().primary(), wrapped: p.blob(), createdAt: instant() },
})

/** The current version of one secret, sealed. */
export const Secret = defineEntity({
  name: 'Secret',
  tableName: 'secrets',
  properties: {
    tenant: () => p.manyToOne(TenantKey).mapToPk().primary().joinColumn('tenant_id'),
    name: p.text().primary(),
    version: p.integer().default(1),
    sealed: p.blob(),
    updatedAt: instant(),
  },
})
export type SecretRow = InferEntity<typeof Secret>
