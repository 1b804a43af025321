import { provenArchives } from '../registry/archives.ts'
import { insertReport } from '../registry/reports.ts'
import { isoText, one, type Sql } from '../registry/sql.ts'
import type { LockedOperation } from './rows.ts'

/**
 * Keeps what was proven of archives as a report: what each holds, table by table, which was read back, or, of a restore, compared
 * with what is there now.
 * @param archives their keys in the ledger
 */
export async function reportOn(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  archives: readonly string[],
): Promise<{ id: string; hash: string }> {
  const { at } = await one(
    sql<{ at: string }>({
      name: 'at',
      text: `select ${isoText('now()')} as at`,
      values: [],
    }),
  )
  const kind = operation.kind === 'archive' ? 'archive' : 'restore'
  return insertReport(sql, {
    tenant: tenant.id,
    operation: operation.id,
    kind,
    document: {
      version: 1,
      tenant: { id: tenant.id, code: tenant.code, slug: tenant.slug },
      operation: { id: operation.id, actor: operation.actor, reason: operation.reason ?? null },
      at,
      proven: kind === 'archive' ? 'read back and compared with what was written' : 'compared with what is there now',
      archives: await provenArchives(sql, tenant.id, archives),
    },
  })
}
