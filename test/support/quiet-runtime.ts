import { createLogger } from '../../base/logger.ts'
import { installSdkRuntime } from '../../worker/sdk-runtime.ts'

/** Temporal's core says only what goes wrong: a test's output is for people. */
installSdkRuntime(createLogger({ LOG_LEVEL: 'error', LOG_FORMAT: 'json' }))
