import type { Relocation } from '@freehold/sdk'
import { moveProgress } from './move-progress.ts'
import { table, time } from './output.ts'

type Cut = Relocation['cut']

/** A move as people read it; what is not known yet is left out. */
export function relocationForPeople(tenant: string, relocation: Relocation, report: string | null): string {
  const { id, environment, source, target, profile, state, cut, rollback, verified, soakUntil, allowed } = relocation
  const rows: [string, string | undefined][] = [
    ['relocation', id],
    ['tenant', `${tenant}, ${environment}`],
    ['way', `placement ${source} to placement ${target} (${profile})`],
    ['state', state],
    ['phase', state === 'moving' ? moveProgress()(relocation).text : undefined],
    ['fence', fenceOf(cut)],
    ['verified', verified === null ? unproven(relocation) : verifiedOf(verified)],
    ['rolled back', fenceOf(rollback)],
    [
      'can be undone',
      state === 'soaking' && verified !== null && soakUntil !== null ? `until ${time(soakUntil)} (UTC)` : undefined,
    ],
    ['report', report ?? undefined],
    ['possible now', allowed.map((command) => `freehold relocate ${command} ${tenant}`).join('; ') || undefined],
  ]
  return table(
    [],
    rows.filter(([, value]) => value !== undefined),
  )
}

function fenceOf(cut: Cut): string | undefined {
  if (cut === null || (cut.serving === 'source' && cut.fenceMs === undefined)) return undefined
  const { fenceMs, tries, epoch } = cut
  const waited = fenceMs === undefined ? 'made by an earlier try' : `${fenceMs.toFixed(1)} ms`
  return `${waited}${tries === undefined ? '' : `, try ${tries}`}, epoch ${epoch}`
}

/** A move that was cut and could not be taken back stays as it is until somebody decides. */
function unproven({ state }: Relocation): string | undefined {
  return state === 'soaking'
    ? 'NOT PROVEN to be equal; it stays so until it is rolled back, or completed by hand'
    : undefined
}

function verifiedOf({ tables, rows, taken }: NonNullable<Relocation['verified']>): string {
  const when = taken === 'at-the-cut' ? 'as they were at the cut' : 'as they were at one moment after the cut'
  return `${tables} tables, ${BigInt(rows).toLocaleString('en')} rows, equal on both sides ${when}`
}
