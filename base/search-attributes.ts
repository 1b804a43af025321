import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

/** What every workflow of ours can be found by in the Temporal Web UI. No names of people, nothing sensitive. */
export const searchAttributes = {
  tenantId: defineSearchAttributeKey('TenantId', SearchAttributeType.KEYWORD),
  tenantSlug: defineSearchAttributeKey('TenantSlug', SearchAttributeType.KEYWORD),
  operation: defineSearchAttributeKey('Operation', SearchAttributeType.KEYWORD),
  phase: defineSearchAttributeKey('Phase', SearchAttributeType.KEYWORD),
}

/** What the work of tenants is found by, in the namespace it runs in. */
export const workloadAttributeTypes = { TenantId: 'Keyword', Environment: 'Keyword' } as const

/** Name and type of each, as the server must have them. */
export const searchAttributeTypes = Object.fromEntries(
  Object.values(searchAttributes).map((key) => [key.name, 'Keyword' as const]),
)
