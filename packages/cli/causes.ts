import { ApiError, ArgumentError, NoAnswerError, OperationTimeoutError } from '@freehold/sdk'
import { CliError, exitCodes } from './failures.ts'
import type { Io } from './io.ts'
import { nextStep } from './next-steps.ts'
import { keySource } from './settings.ts'

/** What an error of the client is to a user: a sentence, an exit code, and what to do next. Anything else stays as it is. */
export function toCliError(error: unknown, io: Io): unknown {
  if (error instanceof ApiError) return refusal(error, io)
  if (error instanceof NoAnswerError) return noAnswer(error)
  if (error instanceof ArgumentError)
    return new CliError(exitCodes.usage, error.message, { next: 'see which there are: freehold list' })
  if (error instanceof OperationTimeoutError)
    return new CliError(exitCodes.timeout, error.message, { next: `freehold watch ${error.operationId}` })
  return error
}

/** Whether this one thing is refused, by the API or before it was sent, so that another can still be asked of it. */
export function isRefusal(error: unknown): boolean {
  return error instanceof CliError || (error instanceof ApiError && error.status < 500)
}

function refusal({ status, code, message, errors, instance, path }: ApiError, io: Io): CliError {
  const next = nextStep(code, /^\/v1\/tenants\/([A-Za-z0-9-]+)/.exec(path)?.[1])
  const isOfKey = code === 'unauthenticated' || code === 'forbidden'
  return new CliError(status >= 500 ? exitCodes.unreachable : exitCodes.refused, asGiven(message), {
    code,
    details: errors.map((detail) => (detail.path ? { ...detail, path: asGiven(detail.path) } : detail)),
    notes: [
      ...(status >= 500 && instance ? [`request: ${instance}`] : []),
      ...(isOfKey ? [`the key was taken from ${keySource(io)}`] : []),
    ],
    ...(next === undefined ? {} : { next }),
  })
}

/** Options that have another name than the part of a request that they are. */
const options: Readonly<Record<string, string>> = {
  'target.profile': 'to',
  'target.cell': 'cell',
  pauseBudgetMs: 'pause-budget-ms',
  soakSeconds: 'soak',
}

/** Names a part of a request as the command line has it: `query.label.0` is `--label`. */
function asGiven(text: string): string {
  return text.replace(/^(?:query|body)\.([A-Za-z]+(?:\.[a-z]+)?)(?:\.\d+)*(?=$|:)/, (all, name: string) =>
    name === 'tenant'
      ? name
      : Object.hasOwn(options, name)
        ? `--${options[name]}`
        : /^[a-z]+$/.test(name)
          ? `--${name}`
          : all,
  )
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
