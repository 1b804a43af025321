import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { ServerAddress } from '../../domain/connection-url.ts'
import { Tenant } from './tenant.ts'
import { instant } from './types.ts'

/**
 * The tenant's key, wrapped by the platform key, or by a master key of its own, whose id is `master`. Deleting the row shreds
 * everything sealed with it.
 */
export const TenantKey = defineEntity({
  name: 'TenantKey',
  tableName: 'tenant_keys',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    wrapped: p.blob(),
    master: p.uuid().nullable(),
    createdAt: instant(),
  },
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

/** A secret of the platform, by its name: sealed with a key of its own that the platform key gives. */
export const PlatformSecret = defineEntity({
  name: 'PlatformSecret',
  tableName: 'platform_secrets',
  properties: {
    name: p.text().primary(),
    version: p.integer().default(1),
    sealed: p.blob(),
    /** Host and port of a connection URL, which tenants are told; null for any other text. */
    address: p.json<ServerAddress>().nullable(),
    updatedBy: p.text(),
    createdAt: instant(),
    updatedAt: instant(),
  },
})
