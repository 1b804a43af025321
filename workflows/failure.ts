import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow'
import { errorCodes, errorText, type ErrorCode } from '../domain/errors.ts'
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
  return { code: 'internal', message: `the step did not finish: ${errorText(cause)}`, ...at }
}

/** Whether somebody asked for the workflow to be cancelled, or a step was told that the operation is to be undone. */
export function isCancelled(failure: unknown): boolean {
  if (failure instanceof StepFailure) return failure.error.code === 'operation_aborted' || isCancellation(failure.cause)
  return isCancellation(failure)
}
