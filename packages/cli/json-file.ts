import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CliError, exitCodes } from './failures.ts'

/** What a file in JSON holds. Throws a usage error for one that cannot be read. */
export function readJson(file: string, cwd: string): unknown {
  try {
    return JSON.parse(readFileSync(resolve(cwd, file), 'utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(exitCodes.usage, `${file} cannot be read: ${why}`)
  }
}
