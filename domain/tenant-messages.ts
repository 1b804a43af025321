/** Application property that every message on a tenant's topic carries: the id of the tenant. */
export const tenantProperty = 'tenant'

/** Subscription of a tenant's topic that the tenant's own services receive from. */
export const tenantSubscription = 'all'

/** Subscription of a tenant's topic that the platform receives from. */
export const platformSubscription = 'governance'

/** How long a bus remembers message ids (ISO 8601): longer than a relay that was cut off takes to come back. */
export const duplicateWindow = 'PT1H'
