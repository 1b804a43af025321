import type { EntityManager } from '../registry/orm.ts'
import type { Address } from './publisher.ts'

/** The topic of one environment of a tenant. */
export type TenantTopic = Address & { readonly tenantId: string; readonly environment: string }

/** The topics of all tenants that are there, by the registry, in the order of their names. */
export async function tenantTopics(em: EntityManager): Promise<TenantTopic[]> {
  return em.execute<TenantTopic[]>(
    `select r.tenant_id as "tenantId", r.environment, r.name as topic, p.bus, b.declaration ->> 'credential' as credential
     from resources r
     join placements p on p.tenant_id = r.tenant_id and p.environment = r.environment and p.number = r.placement
     join buses b on b.name = p.bus
     where r.kind = 'topic' and r.state = 'present' order by r.name`,
  )
}
