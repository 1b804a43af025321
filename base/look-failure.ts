import { isGrpcServiceError, ServiceError, WorkflowFailedError } from '@temporalio/client'
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common'
import { errorCodes, FreeholdError, type ErrorCode, type ErrorDetail } from '../domain/errors.ts'

/** gRPC's DEADLINE_EXCEEDED and UNAVAILABLE. */
const passing: readonly number[] = [4, 14]

/**
 * What to tell of a look at a tenant that gave nothing: of a failed activity its code and message as it gave them, and `not_ready`
 * when nobody looked in time or Temporal does not answer. Anything else is given back as it is, for nobody foresaw it.
 * @param seconds how long was waited
 */
export function lookFailure(error: unknown, seconds: number): unknown {
  if (error instanceof ServiceError && isGrpcServiceError(error.cause) && passing.includes(Number(error.cause.code)))
    return new FreeholdError('not_ready', 'Temporal does not answer; see that it runs, then ask again', {
      cause: error,
    })
  if (!(error instanceof WorkflowFailedError)) return error
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause
  if (cause instanceof ApplicationFailure && isTold(cause.type))
    return new FreeholdError(cause.type, cause.message, {
      details: (cause.details ?? []) as ErrorDetail[],
      cause: error,
    })
  if (cause instanceof TimeoutFailure)
    return new FreeholdError(
      'not_ready',
      `nobody has looked at the tenant within ${seconds} s; see that a worker runs, then ask again`,
      { cause: error },
    )
  return error
}

/** What is `internal` has a message for the log, not for who asks. */
function isTold(type: string | null | undefined): type is ErrorCode {
  return type != null && type !== 'internal' && Object.hasOwn(errorCodes, type)
}
