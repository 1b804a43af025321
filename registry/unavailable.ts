import { FreeholdError } from '../domain/errors.ts'

/**
 * Socket errors of Node, and PostgreSQL's classes 08 (connection), 53 (resources), 57P (shutdown), 25P03 (idle) and 25006
 * (read-only: a standby that is not promoted yet).
 */
const codes = /^(ECONN\w+|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08...|53...|57P..|25P03|25006)$/
/** What `pg` says without a code. */
const sayings =
  /timeout exceeded when trying to connect|timeout expired|Query read timeout|Connection terminated|is not queryable|after calling end on the pool/

/** Whether the registry was refused, lost or silent, as the driver or the ORM says it, so that the same call may succeed later. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (code === 'registry_unavailable' || (typeof code === 'string' && codes.test(code))) return true
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(isUnavailable)
  return sayings.test(error.message)
}

/** Whether the transaction lost against another and may be run again at once: serialization failure, or deadlock. */
export function isConflict(error: unknown): boolean {
  return hasCode(error, '40001', '40P01')
}

/** Whether another held a row for longer than we wait: lock not available, or the statement was ended by its timeout. */
export function isHeldUp(error: unknown): boolean {
  return hasCode(error, '55P03', '57014')
}

/** Whether it is an error with one of these codes of PostgreSQL. */
export function hasCode(error: unknown, ...wanted: string[]): boolean {
  return error instanceof Error && wanted.includes(String((error as { code?: unknown }).code))
}

/** The error as `registry_unavailable` when it is one, else as it is. What the driver said stays in `cause`. */
export function asUnavailable(error: unknown, hint = 'nothing was changed'): unknown {
  if (error instanceof FreeholdError || !isUnavailable(error)) return error
  const { code } = error as { code?: unknown }
  const why = typeof code === 'string' && code !== '' ? ` (${code})` : ''
  return new FreeholdError('registry_unavailable', `the registry does not answer${why}; ${hint}; try again`, {
    cause: error,
  })
}
