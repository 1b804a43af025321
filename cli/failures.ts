import type { ProblemDetail } from './api-types.ts'
import type { Sink } from './io.ts'
import { plain } from './text.ts'

/** Exit codes are a contract with scripts; `--help` shows this table. */
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

export const exitCodesHelp = `

Exit codes:
  0  ok
  1  the operation failed, was aborted or is interrupted
  2  usage: wrong arguments, or a file that cannot be read
  3  the API refused the request (4xx)
  4  the API cannot be reached or cannot serve now (5xx), or there is no key
  5  timeout (--timeout)
  connect TENANT -- COMMAND ends with the exit code of COMMAND (127: not found).`

/** `source` is the file a detail's line counts in; `next` is what the user can do now. */
type More = { code?: string; details?: readonly ProblemDetail[]; source?: string; notes?: string[]; next?: string }

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
 * Writes an error to `sink` and gives the exit code it stands for. `source` overrides where lines are counted.
 * Anything but a CliError is a fault of the program itself and shown with its stack.
 */
export function reportError(error: unknown, sink: Sink, source?: string): number {
  if (!(error instanceof CliError)) {
    sink.write(`error: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return exitCodes.operationFailed
  }
  const { code, details = [], notes = [], next } = error.more
  const file = source ?? error.more.source
  const lines = [
    `error: ${source === undefined ? '' : `${source}: `}${error.message}`,
    ...(code === undefined ? [] : [`code: ${code}`]),
    ...details.map((detail) => `  ${place(detail, file)}${detail.message}`),
    ...notes,
    ...(next === undefined ? [] : [`next: ${next}`]),
  ]
  sink.write(
    `${lines
      .flatMap((line) => line.split('\n'))
      .map(plain)
      .join('\n')}\n`,
  )
  return error.exitCode
}

function place({ path, line, column }: ProblemDetail, file: string | undefined): string {
  const position = line === undefined ? [] : [line, column ?? 1]
  const where =
    file === undefined && position.length === 0 ? '' : [...(file ? [file] : ['line']), ...position].join(':')
  return [where, path]
    .filter(Boolean)
    .map((part) => `${part}: `)
    .join('')
}
