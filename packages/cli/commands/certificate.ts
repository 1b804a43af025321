import type { Client, Report, Signed } from '@freehold/sdk'
import { CliError, exitCodes } from '../failures.ts'
import { print, table, time } from '../output.ts'
import type { Session } from '../session.ts'
import { genuine, type SavedOptions } from '../signed-document.ts'

/** What a certificate says. */
type Certificate = {
  version: 1
  tenant: { id: string; slug: string }
  operation: { id: string; actor: string; reason: string | null }
  at: string
  removed: { key: string; name: string; result: string; foundAgain?: string }[]
  key: { destroyed: boolean; fingerprint: string | null }
  trail: { seq: number; head: string }
  backups: string
}

/**
 * `certificate`: shows the certificate of a deletion, once its signature is verified: the platform's, by the id of the tenant,
 * or one in a file, with keys of a file if they are given, which needs no network. Throws CliError with exit code 1 for one that
 * does not verify.
 */
export async function showCertificate(
  session: Session,
  tenant: string | undefined,
  options: SavedOptions,
): Promise<void> {
  const { io, format } = session
  const { file } = options
  if ((tenant === undefined) === (file === undefined))
    throw new CliError(exitCodes.usage, 'name a tenant by its id, or a file with --file')
  const asked = file === undefined ? await newest(session.client, tenant ?? '') : undefined
  const report = await genuine(session, 'certificate', asked, options)
  const certificate = certificateIn(report)
  if (tenant !== undefined && certificate.tenant.id !== tenant.toLowerCase())
    throw new CliError(
      exitCodes.operationFailed,
      `what the platform gives is the certificate of another tenant, ${certificate.tenant.slug} (${certificate.tenant.id})`,
      { code: 'not_a_certificate' },
    )
  print(io.stdout, format, report, () => forPeople(certificate))
}

/** What is signed, when it is a certificate: the platform signs reports of other kinds, and checkpoints, by the same key. */
function certificateIn({ document }: Signed): Certificate {
  const said = JSON.parse(document) as Partial<Certificate>
  if (said.version === 1 && said.tenant && said.operation && said.trail && said.key && Array.isArray(said.removed))
    return said as Certificate
  throw new CliError(exitCodes.operationFailed, 'it is signed by the platform, and is no certificate of a deletion', {
    code: 'not_a_certificate',
    next: 'a certificate is issued when a tenant is purged: freehold certificate <id of the tenant>',
  })
}

async function newest(client: Client, tenant: string): Promise<Report> {
  const report = (await client.listReports(tenant)).findLast(({ kind }) => kind === 'deletion-certificate')
  if (report !== undefined) return report
  throw new CliError(exitCodes.refused, `tenant ${tenant} has no certificate of a deletion`, {
    next: 'it is issued when a tenant is purged, and asked for by the id of the tenant',
  })
}

function forPeople({ tenant, operation, at, removed, key, trail, backups }: Certificate): string {
  const destroyed = key.destroyed ? `destroyed (fingerprint ${key.fingerprint ?? 'unknown'})` : 'KEPT'
  return [
    table(
      [],
      [
        ['certificate', 'of a deletion; its signature is genuine'],
        ['tenant', `${tenant.slug} (${tenant.id})`],
        ['purged (utc)', time(at)],
        ['by', `${operation.actor}${operation.reason === null ? '' : `: ${operation.reason}`}`],
        ['key', destroyed],
        ['trail', `stood at event ${trail.seq}, ${trail.head}`],
      ],
    ),
    table(
      ['removed', 'name', 'result', 'looked for again'],
      removed.map((one) => [one.key, one.name, one.result, one.foundAgain ?? null]),
    ),
    backups,
  ].join('\n\n')
}
