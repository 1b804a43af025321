import { one, type Sql } from '../registry/sql.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { tenantSummaries } from '../registry/tenant-summaries.ts'
import type { TenantFacts } from '../operations/rows.ts'
import type { Accepted } from './command.ts'
import type { ApiDeps } from './deps.ts'
import { operationView, tenantView, type OperationView, type TenantView } from './views.ts'

/** The answer to a command that was accepted as an operation, and what its workflow is to be told. */
export function operationAnswer(
  deps: ApiDeps,
  { slug }: Pick<TenantFacts, 'slug'>,
  operation: OperationRow,
  tell: 'start' | 'cancel' | 'nothing',
): Accepted<{ operation: OperationView }> {
  const { id, kind, attempt, generation, tenant } = operation
  const startable = { id, kind, attempt, tenant, generation, slug }
  return {
    status: 202,
    headers: { Location: `/v1/operations/${id}` },
    body: { operation: operationView(operation, slug, deps) },
    ...(tell === 'start' ? { start: startable } : {}),
    ...(tell === 'cancel' ? { cancel: startable } : {}),
  }
}

/** A tenant as it is in this transaction. */
export async function currentTenantView(sql: Sql, id: string): Promise<TenantView> {
  return tenantView(await one(tenantSummaries(sql, [id])))
}
