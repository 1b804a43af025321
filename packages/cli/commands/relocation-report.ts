import type { Signed } from '@freehold/sdk'
import { CliError, exitCodes } from '../failures.ts'
import { print, table, time } from '../output.ts'
import { openOrNewest, reportOf } from '../relocations.ts'
import type { Session } from '../session.ts'
import { genuine, type SavedOptions } from '../signed-document.ts'

/** What the report of a move says. */
type MoveReport = {
  version: 1
  tenant: { id: string; slug: string }
  operation: { id: string; actor: string; reason: string | null }
  at: string
  proven: string
  move: {
    relocation: string
    environment: string
    source: number
    target: number
    profile: string
    copy?: { bytes: number; ms: number; lsn: string }
    cut: { epoch?: number; fenceMs?: number; tries?: number }
    verified: {
      tables: { name: string; rows: string; hash: string }[]
      lsn: { source: string; target: string }
      taken: 'at-the-cut' | 'later'
    }
  }
}

/**
 * `relocate report`: the signed report of a move, once its signature is verified: of a tenant, by default of its newest move, or one
 * in a file, with keys of a file if they are given, which needs no network. Throws CliError with exit code 1 for one that does not
 * verify, or is of another move.
 */
export async function showRelocationReport(
  session: Session,
  tenant: string | undefined,
  id: string | undefined,
  options: SavedOptions,
): Promise<void> {
  if ((tenant === undefined) === (options.file === undefined))
    throw new CliError(exitCodes.usage, 'name a tenant, or a file with --file')
  const asked = tenant === undefined ? undefined : await reported(session, tenant, id)
  const report = await genuine(session, 'report', asked?.report, options)
  const said = reportIn(report)
  if (asked !== undefined && said.move.relocation !== asked.relocation)
    throw new CliError(
      exitCodes.operationFailed,
      `what the platform gives is the report of another move, ${said.move.relocation} of ${said.tenant.slug}`,
      { code: 'not_a_report' },
    )
  print(session.io.stdout, session.format, report, () => forPeople(said))
}

async function reported({ client }: Session, tenant: string, id: string | undefined) {
  const relocation = await openOrNewest(client, tenant, id)
  const report = await reportOf(client, tenant, relocation)
  if (report !== undefined) return { report, relocation: relocation.id }
  throw new CliError(exitCodes.refused, `relocation ${relocation.id} has no report; it is ${relocation.state}`, {
    next: 'it is made when the two sides have been proven to be equal',
  })
}

/** What is signed, when it is the report of a move: the platform signs other things by the same key. */
function reportIn({ document }: Signed): MoveReport {
  const said = JSON.parse(document) as Partial<MoveReport>
  if (said.version === 1 && said.tenant && said.operation && said.move && Array.isArray(said.move.verified.tables))
    return said as MoveReport
  throw new CliError(exitCodes.operationFailed, 'it is signed by the platform, and is no report of a move', {
    code: 'not_a_report',
    next: 'a move has one once it was proven: freehold relocate report TENANT',
  })
}

function forPeople({ tenant, operation, at, proven, move }: MoveReport): string {
  const { relocation, environment, source, target, profile, copy, cut, verified } = move
  return [
    table(
      [],
      [
        ['report', 'of a move; its signature is genuine'],
        ['tenant', `${tenant.slug} (${tenant.id})`],
        ['relocation', relocation],
        ['way', `${environment}, placement ${source} to placement ${target} (${profile})`],
        ['made (utc)', time(at)],
        ['by', `${operation.actor}${operation.reason === null ? '' : `: ${operation.reason}`}`],
        ['fence', cut.fenceMs === undefined ? null : `${cut.fenceMs.toFixed(1)} ms, try ${cut.tries ?? 1}`],
        ['epoch', cut.epoch],
        ['copied', copy === undefined ? null : `${copy.bytes} bytes, from ${copy.lsn} on`],
        ['positions', `source ${verified.lsn.source}, target ${verified.lsn.target}`],
        ['proven', verified.taken === 'at-the-cut' ? proven : `${proven}; the snapshots are of a moment after the cut`],
      ],
    ),
    table(
      ['table', 'rows', 'hash, on both sides'],
      verified.tables.map(({ name, rows, hash }) => [name, rows, hash]),
    ),
  ].join('\n\n')
}
