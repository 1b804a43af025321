import { createLogger } from '../../base/logger.ts'
import { installSdkRuntime } from '../../worker/sdk-runtime.ts'

/** Temporal's core says only what goes wrong: a test's output is for people. Once a process, which has many files of tests. */
const installed = globalThis as { isQuiet?: true }
if (!installed.isQuiet) installSdkRuntime(createLogger({ LOG_LEVEL: 'error', LOG_FORMAT: 'json' }))
installed.isQuiet = true
