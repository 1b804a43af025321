import type { NewEvent } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import type { Sql } from '../registry/sql.ts'
import { issueReport } from './keep-report.ts'
import type { LockedOperation } from './rows.ts'

/**
 * Keeps what was proven of a move as a report: every table with its rows and hash on both sides, epochs, positions and the pause. Gives
 * the event of it.
 */
export function reportRelocation(
  sql: Sql,
  held: LockedOperation,
  { id: relocation, environment, source, target, facts, options }: RelocationRow,
): Promise<NewEvent> {
  const { copy, cut, proof, objects } = facts
  // Snapshots are names inside of a server, and over by now.
  const { snapshots: _snapshots, ...told } = cut ?? {}
  const moved = {
    relocation,
    environment,
    source,
    target,
    profile: options.profile,
    copy,
    objects,
    cut: told,
    verified: proof,
  }
  return issueReport(sql, held, 'relocation', {
    proven: `every table in full, on both sides, ${proof?.taken === 'later' ? 'at a moment after the cut' : 'at the exact cut'}`,
    move: JSON.parse(JSON.stringify(moved)) as JsonObject,
  })
}
