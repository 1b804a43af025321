import { ApplicationFailure } from '@temporalio/common'
import { FreeholdError } from '../domain/errors.ts'

/** Credentials inside an URL or a `password=` pair, in texts of errors that are not ours. */
const credentials = [/:\/\/[^\s@/]+@/g, /password\s*=\s*\S+/gi] as const

/**
 * Any error as what a workflow sees: type = stable code, retriable as the code says. The text of an error that is not ours
 * loses credentials and everything after the first line, because it goes into a history.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error
  if (error instanceof FreeholdError)
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: !error.retry,
      details: [...error.details],
    })
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const [first = ''] = credentials.reduce((clean, pattern) => clean.replaceAll(pattern, '[secret]'), text).split('\n')
  return ApplicationFailure.create({ message: first.slice(0, 500), type: 'internal', nonRetryable: false })
}
