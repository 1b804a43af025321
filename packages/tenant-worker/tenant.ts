import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

/** For whom a task works. Every activity takes it as its first argument. */
export type Tenant = { tenantId: string; environment: string }

/** What every task must carry: Freehold finds a tenant's work by these when the tenant is removed. */
export const tenantAttributes = {
  tenantId: defineSearchAttributeKey('TenantId', SearchAttributeType.KEYWORD),
  environment: defineSearchAttributeKey('Environment', SearchAttributeType.KEYWORD),
}

/** Type of a failure that means: not now. Temporal keeps the task and offers it again, however often it takes. */
export const tenantWaits = 'TenantWaits'

/** Type of a failure of the work itself, which the workflow may try again a bounded number of times. */
export const workFailed = 'WorkFailed'
