import { ApiError, ArgumentError, NoAnswerError, OperationTimeoutError } from '@freehold/sdk'
import { CliError, exitCodes } from './failures.ts'
import { nextStep } from './next-steps.ts'

/** What an error of the client is to a user: a sentence, an exit code, and what to do next. Anything else stays as it is. */
export function toCliError(error: unknown): unknown {
  if (error instanceof ApiError) return refusal(error)
  if (error instanceof NoAnswerError) return noAnswer(error)
  if (error instanceof ArgumentError)
    return new CliError(exitCodes.usage, error.message, { next: 'see which there are: freehold list' })
  if (error instanceof OperationTimeoutError)
    return new CliError(exitCodes.timeout, error.message, { next: `freehold watch ${error.operationId}` })
  return error
}

/** Whether the API refuses this one thing, so that another can still be asked of it. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500
}

function refusal({ status, code, message, errors, instance, path }: ApiError): CliError {
  const next = nextStep(code, /^\/v1\/tenants\/([A-Za-z0-9-]+)/.exec(path)?.[1])
  return new CliError(status >= 500 ? exitCodes.unreachable : exitCodes.refused, message, {
    code,
    details: errors,
    ...(status >= 500 && instance ? { notes: [`request: ${instance}`] } : {}),
    ...(next === undefined ? {} : { next }),
  })
}

function noAnswer({ reason, message, mayHaveArrived }: NoAnswerError): CliError {
  const look = 'see with `freehold operations` whether it arrived, then give the same command again'
  if (reason === 'timeout')
    return new CliError(exitCodes.timeout, message, {
      next: mayHaveArrived ? look : 'try again; /readyz of the API says what it is waiting for',
    })
  if (reason === 'not-freehold') return new CliError(exitCodes.unreachable, message, { next: 'check FREEHOLD_URL' })
  return new CliError(exitCodes.unreachable, message, {
    next: [
      'start the platform (`npm start` in its clone), or point FREEHOLD_URL to where it runs',
      ...(mayHaveArrived ? [look] : []),
    ],
  })
}
