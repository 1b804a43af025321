import { readConfig } from '../../base/config.ts'
import { createLogger } from '../../base/logger.ts'
import { createMetricsRegistry, workerMetrics } from '../../base/metrics.ts'
import { connectTemporal, operationStarter } from '../../base/temporal.ts'
import { composeWorker } from '../../worker/compose.ts'
import { startWorker } from '../../worker/worker.ts'
import { testTiming } from './timing.ts'

/** A worker of its own process that dies by SIGKILL right after the effect of the activity that DOOMED_AT names, before its result is told. */
const config = readConfig(process.env)
const { DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY } = config
if (DATABASE_URL === undefined || TEMPORAL_ADDRESS === undefined || FREEHOLD_PLATFORM_KEY === undefined)
  throw new Error('not configured')
const deps = await composeWorker({ ...config, DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY }, process.env)
const client = await connectTemporal({ ...config, TEMPORAL_ADDRESS })
const taskQueue = process.env['DOOMED_QUEUE'] ?? config.FREEHOLD_TASK_QUEUE
await startWorker(deps, {
  address: TEMPORAL_ADDRESS,
  namespace: config.TEMPORAL_NAMESPACE,
  taskQueue,
  concurrency: 5,
  sweepIntervalMs: 60_000,
  starter: operationStarter(client, { taskQueue, timing: testTiming }),
  log: createLogger(config),
  metrics: workerMetrics(createMetricsRegistry()),
  interceptors: [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const result: unknown = await next(input)
          const { step } = input.args[0] as { step?: { key: string } }
          if (process.env['DOOMED_AT'] === [info.activityType, step?.key].filter(Boolean).join(' '))
            process.kill(process.pid, 'SIGKILL')
          return result
        },
      },
    }),
  ],
})
