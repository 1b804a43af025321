import { FreeholdError } from '../domain/errors.ts'
import { readConfig } from '../platform/config.ts'
import { createLogger } from '../platform/logger.ts'
import { connectTemporal, operationStarter, timingOf } from '../platform/temporal.ts'
import { composeWorker } from './compose.ts'
import { installRuntime } from './runtime.ts'
import { startWorker } from './worker.ts'

/** The worker as a process of its own: every variable of the README, `SIGTERM` lets running steps finish. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const { DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY } = config
  if (DATABASE_URL === undefined || TEMPORAL_ADDRESS === undefined || FREEHOLD_PLATFORM_KEY === undefined)
    throw new FreeholdError(
      'configuration_invalid',
      'a worker of its own needs DATABASE_URL, TEMPORAL_ADDRESS and FREEHOLD_PLATFORM_KEY',
    )
  const log = createLogger(config)
  installRuntime(log)
  const deps = await composeWorker({ ...config, DATABASE_URL, FREEHOLD_PLATFORM_KEY }, process.env)
  const client = await connectTemporal({ ...config, TEMPORAL_ADDRESS })
  const worker = await startWorker(deps, {
    address: TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.FREEHOLD_TASK_QUEUE,
    concurrency: config.FREEHOLD_WORKER_CONCURRENCY,
    sweepIntervalMs: config.FREEHOLD_SWEEP_INTERVAL_MS,
    starter: operationStarter(client, { taskQueue: config.FREEHOLD_TASK_QUEUE, timing: timingOf(config) }),
    log,
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void worker.stop())
  await worker.ended
  await client.connection.close()
  await deps.close()
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(`freehold worker: ${error instanceof Error ? error.message : 'unknown error'}`)
  process.exit(1)
}
