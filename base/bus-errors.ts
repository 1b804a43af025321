import { FreeholdError } from '../domain/errors.ts'

/** For `catch`, before `busError` or behind it: gives `value` when the management side says that there is no such entity. */
export function ifMissing<T>(value: T): (error: unknown) => T {
  return orThrow(isMissing, value)
}

/** For `catch`, before `busError`: gives `value` when the management side says that there is such an entity already. */
export function ifExists<T>(value: T): (error: unknown) => T {
  return orThrow((error) => codeOf(error) === 'MessageEntityAlreadyExistsError', value)
}

/**
 * What a refusal of the management side is to us: `bus_exhausted` for a full namespace, `configuration_invalid` for what
 * the operator must change, `substrate_unavailable` for what may pass. Anything else is given back as it is. The original
 * is never carried along: its request holds a token.
 */
export function busError(error: unknown, bus: string): unknown {
  if (!(error instanceof Error)) return error
  if (error.name === 'AbortError')
    return new FreeholdError('substrate_unavailable', `the management side of bus "${bus}" does not answer`)
  if (error.name !== 'RestError') return error
  const status = busStatus(error)
  const code = codeOf(error) ?? 'no code'
  if (status === 401)
    return new FreeholdError(
      'configuration_invalid',
      `bus "${bus}" refuses the management credential; it must hold a key of the namespace with Manage`,
    )
  if (status === 403 && code === 'QuotaExceededError')
    return new FreeholdError(
      'bus_exhausted',
      `bus "${bus}" takes no more topics; lower its capacity in the platform file, add another bus, then retry`,
    )
  if (status === 404 || status === 409)
    return new FreeholdError(
      'substrate_unavailable',
      `somebody else is changing the same entity of bus "${bus}" (${code})`,
      { facts: { busStatus: status } },
    )
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429)
    return new FreeholdError('configuration_invalid', `bus "${bus}" refuses (${status}): ${reasonOf(error)}`)
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return new FreeholdError(
      'configuration_invalid',
      `the certificate of the management side of bus "${bus}" is not trusted (${code}); set SERVICE_BUS_CA_FILE`,
    )
  return new FreeholdError(
    'substrate_unavailable',
    `the management side of bus "${bus}" is not available (${status === undefined ? code : `${status}, ${code}`})`,
  )
}

/** Whether the management side says that there is no such entity; before `busError` or behind it. */
function isMissing(error: unknown): boolean {
  return busStatus(error) === 404
}

/** The HTTP status of a refusal of the management side, before `busError`, or behind it for 404 and 409. */
function busStatus(error: unknown): number | undefined {
  if (error instanceof FreeholdError)
    return typeof error.facts['busStatus'] === 'number' ? error.facts['busStatus'] : undefined
  // It answers 200 without an entity for one that is not there.
  if (codeOf(error) === 'MessageEntityNotFoundError') return 404
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The first line of what the bus says, without anything that could be a key it repeats. */
function reasonOf({ message }: Error): string {
  const [line = ''] = message.replaceAll(/[\w+/-]{32,}=*/g, '[…]').split('\n')
  return line.slice(0, 300)
}

function orThrow<T>(expected: (error: unknown) => boolean, value: T): (error: unknown) => T {
  return (error) => {
    if (expected(error)) return value
    throw error
  }
}
