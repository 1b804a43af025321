import { ApplicationFailure } from '@temporalio/common'
import { FreeholdError } from '../domain/errors.ts'

/** Credentials inside an URL or a `password=` pair, in texts of errors that are not ours. */
const credentials = [/:\/\/[^\s@/]+@/g, /password\s*=\s*\S+/gi] as const

/**
 * Longer than any sentence of ours. What it quotes of a database may be of any length, and what is too long for the workflow service
 * never arrives there: the step would be tried for ever.
 */
const longest = 4_000
const mostDetails = 20
const short = (text: string) => (text.length > longest ? `${text.slice(0, longest)} …` : text)

/**
 * Any error as what a workflow sees: type = stable code, retriable as the code says. The text of an error that is not ours
 * loses credentials and everything after the first line, because it goes into a history.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error
  if (error instanceof FreeholdError)
    return ApplicationFailure.create({
      message: short(error.message),
      type: error.code,
      nonRetryable: !error.retry,
      details: error.details.slice(0, mostDetails).map((detail) => ({ ...detail, message: short(detail.message) })),
    })
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const [first = ''] = credentials.reduce((clean, pattern) => clean.replaceAll(pattern, '[secret]'), text).split('\n')
  return ApplicationFailure.create({ message: first.slice(0, 500), type: 'internal', nonRetryable: false })
}
