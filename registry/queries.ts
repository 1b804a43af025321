import type { OperationState } from '../domain/operation.ts'
import type { TenantState } from '../domain/lifecycle.ts'
import { Operation, type OperationRow } from './entities/operation.ts'
import { Tenant, type TenantRow } from './entities/tenant.ts'
import type { EntityManager } from './orm.ts'

/** One page of a list: at most `limit` rows behind the row with the id `after`. */
export type Page = { limit: number; after: string | undefined }

export type TenantFilter = {
  state: TenantState | undefined
  profile: string | undefined
  labels: Readonly<Record<string, string>>
}

/** Tenants, oldest first; purged ones only when that state is asked for. */
export async function listTenants(em: EntityManager, filter: TenantFilter, page: Page): Promise<TenantRow[]> {
  const conditions: [string, unknown][] = [
    filter.state === undefined ? ['state <> ?', 'purged'] : ['state = ?', filter.state],
    ...(filter.profile === undefined ? [] : [['profile = ?', filter.profile] as [string, unknown]]),
    ...(Object.keys(filter.labels).length === 0
      ? []
      : [['labels @> ?::jsonb', JSON.stringify(filter.labels)] as [string, unknown]]),
    ...(page.after === undefined ? [] : [['id > ?', page.after] as [string, unknown]]),
  ]
  const ids = await em.execute<{ id: string }[]>(
    `select id from tenants where ${conditions.map(([text]) => text).join(' and ')} order by id limit ?`,
    [...conditions.map(([, value]) => value), page.limit],
  )
  return em.find(Tenant, { id: { $in: ids.map(({ id }) => id) } }, { orderBy: { id: 'asc' } })
}

/** Operations, newest first. */
export async function listOperations(
  em: EntityManager,
  filter: { tenant: string | undefined; state: OperationState | undefined },
  page: Page,
): Promise<OperationRow[]> {
  return em.find(
    Operation,
    {
      ...(filter.tenant === undefined ? {} : { tenant: filter.tenant }),
      ...(filter.state === undefined ? {} : { state: filter.state }),
      ...(page.after === undefined ? {} : { id: { $lt: page.after } }),
    },
    { orderBy: { id: 'desc' }, limit: page.limit },
  )
}

/** Slug of each tenant by id. */
export async function slugsOf(em: EntityManager, tenants: readonly string[]): Promise<Map<string, string>> {
  const rows = await em.find(Tenant, { id: { $in: [...new Set(tenants)] } })
  return new Map(rows.map(({ id, slug }) => [id, slug]))
}
