import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow'
import { errorCodes, type ErrorCode } from '../domain/errors.ts'
import type { OperationError } from '../domain/operation.ts'

/** A step that did not succeed, with the error to be told. */
export class StepFailure extends Error {
  readonly error: OperationError
  constructor(error: OperationError, cause: unknown) {
    super(error.message, { cause })
    this.name = 'StepFailure'
    this.error = error
  }
}

/** What to tell of a failed activity: its code and message as the activity gave them. */
export function operationError(failure: unknown, step?: string): OperationError {
  if (failure instanceof StepFailure) return failure.error
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  const at = step === undefined ? {} : { step }
  if (cause instanceof ApplicationFailure && cause.type != null && cause.type in errorCodes)
    return { code: cause.type as ErrorCode, message: cause.message, ...at }
  const message = cause instanceof Error ? cause.message : String(cause)
  return { code: 'internal', message: `the step did not finish: ${message}`, ...at }
}

/** Whether somebody asked for the workflow to be cancelled. */
export function isCancelled(failure: unknown): boolean {
  return isCancellation(failure) || (failure instanceof StepFailure && isCancellation(failure.cause))
}
