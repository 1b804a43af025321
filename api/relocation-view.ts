import type { z } from '@hono/zod-openapi'
import { FreeholdError } from '../domain/errors.ts'
import type { CutFacts } from '../domain/relocation.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import type { relocationSchema } from './relocation-schemas.ts'

type View = z.infer<typeof relocationSchema>

/** A move as it is shown. */
export function relocationView(row: RelocationRow): View {
  const { id, environment, source, target, state, phase, progress, facts, options } = row
  return {
    id,
    environment,
    source,
    target,
    profile: options.profile,
    state,
    phase,
    progress,
    cut: cutOf(facts.cut),
    rollback: cutOf(facts.back),
    verified: verifiedOf(facts.proof),
    soakUntil: row.soakUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    allowed: allowedOf(row),
  }
}

/** Without what only the steps and the report need. */
function cutOf(cut: CutFacts | undefined): View['cut'] {
  if (cut === undefined) return null
  const { snapshots: _snapshots, structure: _structure, ...told } = cut
  return told
}

function verifiedOf(proof: RelocationRow['facts']['proof']): View['verified'] {
  if (proof === undefined) return null
  const rows = proof.tables.reduce((sum, table) => sum + BigInt(table.rows), 0n)
  return { tables: proof.tables.length, rows: String(rows), taken: proof.taken }
}

/** The commands that a move can be given now. */
function allowedOf({ state, options, facts }: RelocationRow): View['allowed'] {
  if (state === 'soaking') return ['rollback', 'complete']
  if (state !== 'moving') return []
  return options.approval === true && facts.approved === undefined ? ['approve', 'abort'] : ['abort']
}

/** Throws `relocation_not_possible` for a command that a move cannot be given now. */
export function requireAllowed(row: RelocationRow, command: View['allowed'][number]): void {
  const allowed = allowedOf(row)
  if (allowed.includes(command)) return
  throw new FreeholdError(
    'relocation_not_possible',
    `relocation ${row.id} is ${row.state}; possible now: ${allowed.join(', ') || 'nothing'}`,
    { facts: { relocation: row.id, state: row.state, allowed } },
  )
}
