import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow'
import { errorCodes, errorText, type ErrorCode } from '../domain/errors.ts'
import type { OperationError } from '../domain/operation.ts'

/** A step that did not succeed, with the error to be told. */
export class StepFailure extends Error {
  readonly step: string
  readonly error: OperationError
  constructor(step: string, cause: unknown) {
    const error = { ...operationError(cause), step }
    super(error.message, { cause })
    this.name = 'StepFailure'
    this.step = step
    this.error = error
  }
}

/** The operation was denied before it began: there is nothing to undo. */
export class Denied extends Error {
  readonly error: OperationError
  constructor(error: OperationError) {
    super(error.message)
    this.name = 'Denied'
    this.error = error
  }
}

/** What to tell of a failure: of a failed activity its code and message as it gave them. */
export function operationError(failure: unknown): OperationError {
  if (failure instanceof StepFailure || failure instanceof Denied) return failure.error
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  if (cause instanceof ApplicationFailure && cause.type != null && cause.type in errorCodes)
    return { code: cause.type as ErrorCode, message: cause.message }
  return { code: 'internal', message: `the step did not finish: ${errorText(cause)}` }
}

/**
 * Whether the operation is to be aborted: somebody cancelled the workflow, or a step was told so by the registry. A step
 * that fails on its way out of a cancel makes no failure of it.
 */
export function isAborted(failure: unknown): boolean {
  return (
    CancellationScope.current().consideredCancelled ||
    isCancellation(failure) ||
    (failure instanceof StepFailure && failure.error.code === 'operation_aborted')
  )
}
