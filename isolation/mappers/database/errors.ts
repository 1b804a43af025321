import { DatabaseError } from 'pg'
import { errorText, FreeholdError } from '../../../domain/errors.ts'
import type { CellAccess } from '../../mapper.ts'

/** Classes and codes of SQLSTATE that pass by themselves: connection, resources, shutdown, conflicts, timeouts. */
const passing = /^(08|53|57P|57014|40001|40P01|55P03|55006|58)/
const unreachable = /^(ECONN|ENOTFOUND|ETIMEDOUT|EPIPE|EHOST|ENET|EAI_)/
/** `pg` gives these no code. */
const lostConnection =
  /^(Connection terminated|timeout expired|timeout exceeded|Query read timeout|Client has encountered)/
const refusedLogin = /^(28|3D000)/
const notBootstrapped = /^(42501|42P01|42703|42704|3F000)/

/**
 * The one translation from what `pg` and the network throw to an error of ours: `substrate_unavailable` for what may pass,
 * `configuration_invalid` for a credential or right the provisioner lacks (on a server of the tenant's own `byoc_login_refused`
 * and `byoc_rights_missing`), else `internal`. Never carries the original as
 * cause, because it may hold the connection URL. A `FreeholdError` is given back as it is.
 */
export function databaseError(error: unknown, cell: Pick<CellAccess, 'name' | 'database' | 'secret'>): FreeholdError {
  if (error instanceof FreeholdError) return error
  const { host, port, name } = cell.database
  const { secret } = cell
  const whose = secret === undefined ? `the database of cell "${cell.name}"` : `the server of secret "${secret}"`
  const where = `${whose} (${host}:${port}/${name})`
  const code = codeOf(error)
  const said = error instanceof DatabaseError ? `${toldBy(error)} (SQLSTATE ${code})` : code
  if (isPassing(error))
    return new FreeholdError('substrate_unavailable', `${where} is not available: ${said || 'the connection was lost'}`)
  if (secret !== undefined && (refusedLogin.test(code) || isNoTls(error)))
    return new FreeholdError(
      'byoc_login_refused',
      `${where} refuses the login: ${said || errorText(error)}; put a URL that it accepts: freehold secrets put ${secret}`,
    )
  if (secret !== undefined && notBootstrapped.test(code))
    return new FreeholdError(
      'byoc_rights_missing',
      `${where} answered: ${said}; give its login back what it had, or put another: freehold secrets put ${secret}`,
    )
  if (refusedLogin.test(code))
    return new FreeholdError(
      'configuration_invalid',
      `${where} refuses the provisioner: ${said}; check the credential of the cell`,
    )
  if (notBootstrapped.test(code))
    return new FreeholdError(
      'configuration_invalid',
      `${where} is not prepared: ${said}; bootstrap the cell as its administrator`,
    )
  return new FreeholdError('internal', `${where} answered: ${said || 'an error without a code'}`)
}

/**
 * Runs work in a cell's database: what it throws comes out as `databaseError` has it, but an aborted caller gets the reason of
 * its signal.
 */
export async function translated<T>(
  { cell, signal }: { readonly cell: CellAccess; readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw databaseError(error, cell)
  }
}

/** What a server says, which may be one of a tenant: as one line, and no longer than a person reads. */
function toldBy({ message }: DatabaseError): string {
  const line = message
    .slice(0, 4 * longest)
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
  return line.length > longest ? `${line.slice(0, longest)} …` : line
}
const longest = 500

/** Whether the same work may succeed later unchanged. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  if (passing.test(code) || unreachable.test(code)) return true
  if (!(error instanceof Error)) return false
  // Two administrators changing one catalogue row at once: PostgreSQL has no code of its own for it.
  return lostConnection.test(error.message) || error.message.startsWith('tuple concurrently')
}

/** What `pg` says of a server without TLS, and Node of a certificate that it does not trust. */
function isNoTls(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.message.startsWith('The server does not support SSL') || /CERT|SELF_SIGNED|UNABLE_TO/.test(codeOf(error)))
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
