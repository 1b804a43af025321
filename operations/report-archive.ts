import type { NewEvent } from '../domain/events.ts'
import { provenArchives } from '../registry/archives.ts'
import type { Sql } from '../registry/sql.ts'
import { issueReport } from './keep-report.ts'
import type { LockedOperation } from './rows.ts'

/**
 * Keeps what was proven of archives as a report: what each holds, table by table, which was read back, or, of a restore, compared
 * with what is there now. Gives the event of it.
 * @param archives their keys in the ledger
 */
export async function reportOn(sql: Sql, held: LockedOperation, archives: readonly string[]): Promise<NewEvent> {
  const kind = held.operation.kind === 'archive' ? 'archive' : 'restore'
  return issueReport(sql, held, kind, {
    proven: kind === 'archive' ? 'read back and compared with what was written' : 'compared with what is there now',
    archives: await provenArchives(sql, held.tenant.id, archives),
  })
}
