import type { ProblemDetail } from '@freehold/sdk'
import type { Sink } from './io.ts'
import { plain } from './text.ts'

/** Exit codes are a contract with scripts; `--help` and the README show `exitCodeMeanings`. */
export const exitCodes = {
  ok: 0,
  operationFailed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  timeout: 5,
  commandNotFound: 127,
} as const
type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeMeanings: Readonly<Record<Exclude<ExitCode, 127>, string>> = {
  0: 'ok',
  1: 'the operation failed, was aborted or is interrupted; what was to be verified is not genuine, or broken; a tenant differs',
  2: 'usage: wrong arguments, or a file that cannot be read',
  3: 'the API refused the request (4xx)',
  4: 'the API cannot be reached or cannot serve now (5xx), or there is no key',
  5: 'timeout (--timeout, or a request that took 30 s)',
}

/** What an error that has no code of the API stands under on the line `code:`. */
const ownCodes: Readonly<Record<ExitCode, string>> = {
  0: 'ok',
  1: 'operation_failed',
  2: 'usage',
  3: 'refused',
  4: 'unreachable',
  5: 'timeout',
  127: 'command_not_found',
}
/** The line `code:` of wrong arguments, which commander tells. */
export const usageLine = `code: ${ownCodes[exitCodes.usage]}\n`

export const exitCodesHelp = `

Exit codes:
${Object.entries(exitCodeMeanings)
  .map(([code, meaning]) => `  ${code}  ${meaning}\n`)
  .join('')}  connect TENANT -- COMMAND ends with the exit code of COMMAND (127: not found).`

/** `notes` are lines of their own; `next` is what the user can do now. */
type More = {
  code?: string
  details?: readonly ProblemDetail[]
  notes?: string[]
  next?: string | readonly string[]
}

/** What ends a command: a sentence for people and an exit code for scripts. */
export class CliError extends Error {
  readonly exitCode: ExitCode
  readonly more: More

  constructor(exitCode: ExitCode, message: string, more: More = {}) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
    this.more = more
  }
}

/**
 * Writes an error to `sink` and gives the exit code it stands for. `source` is the file that it
 * is about and in which lines are counted.
 * Anything but a CliError is a fault of the program itself and shown with its stack.
 */
export function reportError(error: unknown, sink: Sink, source?: string): number {
  if (!(error instanceof CliError)) {
    const fault = error instanceof Error ? (error.stack ?? error.message) : String(error)
    // It may quote an answer.
    const safe = fault.split('\n').map(plain).join('\n')
    sink.write(`error: unexpected: ${safe}\ncode: unexpected\n`)
    return exitCodes.operationFailed
  }
  const { code = ownCodes[error.exitCode], details = [], notes = [], next = [] } = error.more
  const places = details.map((detail) => `${place(detail, source)}${detail.message}`)
  const { head, list } = withoutRepeats(error.message, details, places)
  const isPlaced = source === undefined || head.startsWith(source)
  const lines = [
    `error: ${isPlaced ? '' : `${source}: `}${head}`,
    `code: ${code}`,
    ...list.map((line) => `  ${line}`),
    ...notes,
  ]
  const safe = lines.flatMap((line) => line.split('\n')).map(plain)
  sink.write(`${safe.join('\n')}\n${nextLines([next].flat())}`)
  return error.exitCode
}

/** The API's sentence leads to the first detail, or is nothing else; the list of details says the same, and where. */
function withoutRepeats(message: string, details: readonly ProblemDetail[], list: readonly string[]) {
  const [first] = details
  const [line] = list
  if (first === undefined || line === undefined || !message.includes(first.message)) return { head: message, list }
  const alone = details.length === 1 && message.startsWith(first.path ?? first.message)
  if (alone || message === first.message) return { head: line, list: list.slice(1) }
  const leads = [first.path, 'line', first.message].map((part) => message.indexOf(`: ${part}`))
  return { head: message.slice(0, Math.min(...leads.filter((at) => at > 0), message.length)), list }
}

/** What to do now, one line each, as it stands below an answer or an error. */
export function nextLines(next: readonly string[]): string {
  return next.map((line, at) => `${at === 0 ? 'next: ' : '      '}${plain(line)}\n`).join('')
}

function place({ path, message, line, column }: ProblemDetail, file: string | undefined): string {
  const position = line === undefined ? [] : [line, column ?? 1]
  const where =
    file === undefined && position.length === 0 ? '' : [...(file ? [file] : ['line']), ...position].join(':')
  return [where, path && message.startsWith(`${path} `) ? '' : path]
    .filter(Boolean)
    .map((part) => `${part}: `)
    .join('')
}
