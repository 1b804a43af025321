import { DefaultLogger, Runtime } from '@temporalio/worker'
import type { Logger } from '../base/logger.ts'

/**
 * Sets up Temporal's core once for the process: its lines go into our log, and it leaves the signals alone, so that the
 * process stops its parts in its own order.
 */
export function installSdkRuntime(log: Logger): void {
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    // The workers of buses have steps alone, as they are meant to.
    if (message.startsWith('No workflows registered')) return
    const fields = { component: 'temporal', task_queue: meta?.['taskQueue'], activity: meta?.['activityType'] }
    if (level === 'ERROR') log.error(fields, message)
    else log.warn(fields, message)
  })
  Runtime.install({ logger, shutdownSignals: [] })
}
