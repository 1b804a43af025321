import type { NewEvent } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ReportKind } from '../registry/entities/report.ts'
import { insertReport } from '../registry/reports.ts'
import { isoText, one, type Sql } from '../registry/sql.ts'
import { operationEvent } from './operation-event.ts'
import type { LockedOperation } from './rows.ts'

/** Keeps a report of an operation: on whom, by whom, when, and what it says. Gives its id, and the hash for the trail. */
export async function keepReport(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  kind: ReportKind,
  says: JsonObject,
): Promise<{ id: string; hash: string }> {
  const { at } = await one(sql<{ at: string }>({ name: 'at', text: `select ${isoText('now()')} as at`, values: [] }))
  return insertReport(sql, {
    tenant: tenant.id,
    operation: operation.id,
    kind,
    document: {
      version: 1,
      tenant: { id: tenant.id, code: tenant.code, slug: tenant.slug },
      operation: { id: operation.id, actor: operation.actor, reason: operation.reason ?? null },
      at,
      ...says,
    },
  })
}

/** The same, told on the trail as what was proven; gives the event of it. */
export async function issueReport(
  sql: Sql,
  held: LockedOperation,
  kind: ReportKind,
  says: JsonObject,
): Promise<NewEvent> {
  const { id, hash } = await keepReport(sql, held, kind, says)
  const data = { report: id, kind, sha256: hash }
  return operationEvent(held.operation, 'system:worker', 'TENANCY_REPORT_ISSUED', data)
}
