import { Resource, type ResourceRow } from './entities/resource.ts'
import type { EntityManager } from './orm.ts'

/** What the ledger says of a tenant, in a stable order. */
export async function resourcesOf(em: EntityManager, tenant: string): Promise<ResourceRow[]> {
  return em.find(Resource, { tenant }, { orderBy: { key: 'asc' } })
}
