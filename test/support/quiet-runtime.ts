import { createLogger } from '../../base/logger.ts'
import { installRuntime } from '../../worker/runtime.ts'

/** Temporal's core says only what goes wrong: a test's output is for people. */
installRuntime(createLogger({ LOG_LEVEL: 'error', LOG_FORMAT: 'json' }))
