import { destination, pino, stdTimeFunctions, type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

export type { Logger }

/** Fields that never reach a log, wherever they stand in a logged object up to the third level. */
const secretFields = ['password', 'secret', 'token', 'authorization', 'key', 'url', 'connectionString', 'contacts']
const paths = secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])

/**
 * The logger: JSON lines, or readable lines on a terminal; to standard error, so that standard output stays for results.
 * Whoever works for a tenant logs through a child with `tenant_id`, `env`, `region` and `operation_id`.
 */
export function createLogger(config: Pick<Config, 'LOG_LEVEL' | 'LOG_FORMAT'>): Logger {
  const format = config.LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json')
  const stream =
    format === 'pretty'
      ? pretty({ destination: 2, ignore: 'pid,hostname', sync: true })
      : destination({ dest: 2, sync: true })
  return pino(
    { level: config.LOG_LEVEL, redact: { paths, censor: '[secret]' }, timestamp: stdTimeFunctions.isoTime, base: null },
    stream,
  )
}
