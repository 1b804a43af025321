import { FreeholdError } from '../domain/errors.ts'
import { isUuid } from '../domain/names.ts'
import { Generation, Tenant, type TenantRow } from './entities/tenant.ts'
import type { EntityManager } from './orm.ts'
import type { Sql } from './sql.ts'

/**
 * A tenant by id or by slug; by slug only a living one, by id also a purged one.
 * Throws `tenant_not_found`, and `tenant_gone` for the id of a purged tenant unless `purged` is wanted.
 */
export async function findTenant(
  em: EntityManager,
  idOrSlug: string,
  wanted: { purged?: boolean } = {},
): Promise<TenantRow> {
  const row = isUuid(idOrSlug)
    ? await em.findOne(Tenant, { id: idOrSlug.toLowerCase() })
    : await em.findOne(Tenant, { slug: idOrSlug, state: { $ne: 'purged' } })
  if (row === null) throw new FreeholdError('tenant_not_found', `there is no tenant "${idOrSlug.slice(0, 64)}"`)
  if (row.state === 'purged' && wanted.purged !== true)
    throw new FreeholdError('tenant_gone', `tenant ${row.id} was purged`)
  return row
}

/** The manifest of one generation of a tenant. */
export async function readGeneration(em: EntityManager, tenant: string, number: number) {
  return em.findOneOrFail(Generation, { tenant, number })
}

/** Id of a tenant by its id, or of a living one by its slug; undefined when there is none. */
export async function findTenantId(sql: Sql, idOrSlug: string): Promise<string | undefined> {
  const [row] = await sql<{ id: string }>(
    isUuid(idOrSlug)
      ? { name: 'tenant-by-id', text: 'select id from tenants where id = $1', values: [idOrSlug] }
      : {
          name: 'tenant-by-slug',
          text: `select id from tenants where slug = $1 and state <> 'purged'`,
          values: [idOrSlug],
        },
  )
  return row?.id
}
