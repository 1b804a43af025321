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

/** That the trail of the tenant speaks of a report, by its hash. Only such a one is a report; who plants one leaves a trace. */
const isTold = `exists (select from events e where e.stream = r.tenant_id::text and e.operation_id = r.operation_id
  and e.type in ('TENANCY_REPORT_ISSUED', 'TENANCY_CERTIFICATE_ISSUED') and e.body::jsonb #>> '{data,report}' = r.id::text
  and e.body::jsonb #>> '{data,sha256}' = encode(sha256(convert_to(r.document, 'UTF8')), 'hex'))`

/**
 * What a report may be made of. Whatever is in this table is signed by the key that also signs checkpoints, lists of keys and
 * events: none of those has only these parts, so nobody gets one of them signed by planting it here.
 */
const parts = [
  'version',
  'tenant',
  'operation',
  'at',
  'removed',
  'key',
  'trail',
  'backups',
  'proven',
  'archives',
  'move',
]

function isReport({ document, tenant }: ReportRow): boolean {
  try {
    const { tenant: of, ...rest } = JSON.parse(document) as { tenant?: { id?: unknown } }
    return of?.id === tenant && Object.keys(rest).every((part) => parts.includes(part))
  } catch {
    return false
  }
}

/** The reports on a tenant, oldest first. */
export async function listReports(sql: Sql, tenant: string): Promise<ReportRow[]> {
  const rows = await sql<ReportRow>({
    name: 'list-reports',
    text: `select ${columns} from reports r where tenant_id = $1 and ${isTold} order by id`,
    values: [tenant],
  })
  return rows.filter(isReport)
}

/** One report. Throws `not_found`. */
export async function findReport(sql: Sql, id: string): Promise<ReportRow> {
  const text = `select ${columns} from reports r where id = $1 and ${isTold}`
  const [row] = isUuid(id) ? await sql<ReportRow>({ name: 'find-report', text, values: [id] }) : []
  if (row !== undefined && isReport(row)) return row
  throw new FreeholdError('not_found', `there is no report "${id.slice(0, 64)}"`)
}
