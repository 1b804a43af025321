import { FreeholdError } from '../domain/errors.ts'
import { readConfig } from '../base/config.ts'
import { createLogger } from '../base/logger.ts'
import { createMetricsRegistry, workerMetrics } from '../base/metrics.ts'
import { readiness } from '../base/readiness.ts'
import { reach, runService, stopSignal } from '../base/service.ts'
import { connectTemporal, operationStarter, temporalConnectionOptions, timingOf } from '../base/temporal.ts'
import { requireRegistry } from '../registry/require.ts'
import { composeWorker } from './compose.ts'
import { startMonitoring } from './monitoring.ts'
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
  await requireRegistry(DATABASE_URL)
  const connecting = connectTemporal({ ...config, TEMPORAL_ADDRESS })
  const client = await reach('the Temporal server', 'TEMPORAL_ADDRESS', connecting)
  const deps = await composeWorker({ ...config, DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY }, process.env)
  const metrics = createMetricsRegistry()
  const monitoring =
    config.FREEHOLD_METRICS_PORT === 0
      ? undefined
      : await startMonitoring({
          metrics,
          ready: () =>
            readiness({
              registry: deps.orm.probe,
              temporal: () => client.workflowService.getSystemInfo({}),
            }),
          host: config.FREEHOLD_HOST,
          port: config.FREEHOLD_METRICS_PORT,
        })
  if (monitoring !== undefined) log.info(`metrics at ${monitoring.url}/metrics`)
  const worker = await startWorker(deps, {
    ...(await temporalConnectionOptions({ ...config, TEMPORAL_ADDRESS })),
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.FREEHOLD_TASK_QUEUE,
    concurrency: config.FREEHOLD_WORKER_CONCURRENCY,
    sweepIntervalMs: config.FREEHOLD_SWEEP_INTERVAL_MS,
    starter: operationStarter(client, { taskQueue: config.FREEHOLD_TASK_QUEUE, timing: timingOf(config) }),
    log,
    metrics: workerMetrics(metrics),
  })
  void stopSignal().then(() => worker.stop())
  await worker.ended
  await monitoring?.stop()
  await client.connection.close()
  await deps.close()
}

await runService('worker', main)
