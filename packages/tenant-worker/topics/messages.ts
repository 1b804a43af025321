// What Freehold and everybody on the topics of tenants agree on; a test holds it against Freehold's own words.

/** Application property that every message on a tenant's topic carries: the id of the tenant. */
export const tenantProperty = 'tenant'

/** Subscription of a tenant's topic that the tenant's own services receive from. */
export const tenantSubscription = 'all'

/** Subscription of a tenant's topic that the platform receives from. */
export const platformSubscription = 'governance'
