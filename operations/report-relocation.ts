import type { NewEvent } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { insertReport } from '../registry/reports.ts'
import { isoText, one, type Sql } from '../registry/sql.ts'
import { operationEvent } from './operation-event.ts'
import type { LockedOperation } from './rows.ts'

/** Keeps what was proven of a move as a report: every table with its rows and hash on both sides, epochs, positions and the pause. */
export async function reportRelocation(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  { id: relocation, environment, source, target, facts, options }: RelocationRow,
): Promise<NewEvent[]> {
  const { at } = await one(sql<{ at: string }>({ name: 'at', text: `select ${isoText('now()')} as at`, values: [] }))
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
  const { id, hash } = await insertReport(sql, {
    tenant: tenant.id,
    operation: operation.id,
    kind: 'relocation',
    document: {
      version: 1,
      tenant: { id: tenant.id, code: tenant.code, slug: tenant.slug },
      operation: { id: operation.id, actor: operation.actor, reason: operation.reason ?? null },
      at,
      proven: `every table in full, on both sides, ${proof?.taken === 'later' ? 'at a moment after the cut' : 'at the exact cut'}`,
      move: JSON.parse(JSON.stringify(moved)) as JsonObject,
    },
  })
  const data = { report: id, kind: 'relocation', sha256: hash }
  return [operationEvent(operation, 'system:worker', 'TENANCY_REPORT_ISSUED', data)]
}
