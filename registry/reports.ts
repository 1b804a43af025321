import { canonicalText } from '../crypto/hash-chain.ts'
import { sha256 } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import { isUuid } from '../domain/names.ts'
import type { ReportKind, ReportRow } from './entities/report.ts'
import { one, type Sql } from './sql.ts'

type NewReport = {
  readonly tenant: string
  readonly operation: string
  readonly kind: ReportKind
  readonly document: JsonObject
}

const columns = `id, tenant_id as tenant, operation_id as operation, kind, document, created_at as "createdAt"`

/** Keeps a report, for ever as it is; its hash is for the trail, which makes a change of it known. */
export async function insertReport(sql: Sql, report: NewReport): Promise<{ id: string; hash: string }> {
  const text = canonicalText(report.document)
  const { id } = await one(
    sql<{ id: string }>({
      name: 'insert-report',
      text: 'insert into reports (tenant_id, operation_id, kind, document) values ($1, $2, $3, $4) returning id',
      values: [report.tenant, report.operation, report.kind, text],
    }),
  )
  return { id, hash: sha256(text) }
}

/** The reports on a tenant, oldest first. */
export function listReports(sql: Sql, tenant: string): Promise<ReportRow[]> {
  return sql<ReportRow>({
    name: 'list-reports',
    text: `select ${columns} from reports where tenant_id = $1 order by id`,
    values: [tenant],
  })
}

/** One report. Throws `not_found`. */
export async function findReport(sql: Sql, id: string): Promise<ReportRow> {
  const [row] = isUuid(id)
    ? await sql<ReportRow>({ name: 'find-report', text: `select ${columns} from reports where id = $1`, values: [id] })
    : []
  if (row === undefined) throw new FreeholdError('not_found', `there is no report "${id.slice(0, 64)}"`)
  return row
}
