import type { Client } from '@freehold/sdk'

/** The topic of one environment of a tenant, and the name of the bus that has it. */
export type TenantTopic = {
  readonly tenantId: string
  readonly environment: string
  readonly bus: string
  readonly topic: string
}

/**
 * The topics of all active tenants, as the API tells them; the role platform-auditor is enough. Throws what the client
 * throws.
 */
export async function tenantTopics(client: Pick<Client, 'listTenants' | 'getTenantContext'>): Promise<TenantTopic[]> {
  const { items } = await client.listTenants({ state: 'active' })
  const topics: TenantTopic[] = []
  for (const { id: tenantId, environments } of items)
    for (const { name: environment } of environments) {
      const { events } = (await client.getTenantContext(tenantId, environment)).topology
      if (events.transport === 'service-bus')
        topics.push({ tenantId, environment, bus: events.bus, topic: events.topic })
    }
  return topics
}
