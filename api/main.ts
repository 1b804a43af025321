import { readConfig, type Config } from '../base/config.ts'
import { FreeholdError } from '../domain/errors.ts'
import { createLogger } from '../base/logger.ts'
import { apiMetrics, createMetricsRegistry } from '../base/metrics.ts'
import { openMigrationSource } from '../base/migration-source.ts'
import { platformOptions, readPlatformFile } from '../base/platform-file.ts'
import { readiness } from '../base/readiness.ts'
import { readPlatformKey, secretResolver } from '../base/secret-reference.ts'
import { reach, runService, stopSignal } from '../base/service.ts'
import { connectTemporal, operationStarter, timingOf } from '../base/temporal.ts'
import { exposeRegistry } from '../registry/gauges.ts'
import { openRegistry, runtimeRole } from '../registry/orm.ts'
import { requireRegistry } from '../registry/require.ts'
import { startApi } from './server.ts'

/** The API as a process of its own, against servers that are there already. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = createLogger(config)
  const databaseUrl = required(config, 'DATABASE_URL')
  const platform = await readPlatformFile(config.FREEHOLD_PLATFORM_FILE, platformOptions(config))
  const platformKey = await readPlatformKey(required(config, 'FREEHOLD_PLATFORM_KEY'), secretResolver(process.env))
  const address = required(config, 'TEMPORAL_ADDRESS')
  await requireRegistry(databaseUrl)
  const connecting = connectTemporal({ ...config, TEMPORAL_ADDRESS: address })
  const client = await reach('the Temporal server', 'TEMPORAL_ADDRESS', connecting)
  const orm = await openRegistry(databaseUrl, { role: runtimeRole, connections: 10 })
  const metrics = createMetricsRegistry()
  exposeRegistry(metrics, { orm, log, hasGovernance: platform.governance !== undefined })

  const api = await startApi({
    orm,
    platform,
    platformKey,
    migrations: openMigrationSource(config.FREEHOLD_MIGRATIONS_DIR || undefined),
    starter: operationStarter(client, { taskQueue: config.FREEHOLD_TASK_QUEUE, timing: timingOf(config) }),
    log,
    metrics: apiMetrics(metrics),
    ...(config.FREEHOLD_TEMPORAL_UI_URL === undefined ? {} : { temporalUiUrl: config.FREEHOLD_TEMPORAL_UI_URL }),
    temporalNamespace: config.TEMPORAL_NAMESPACE,
    ready: () =>
      readiness({
        registry: orm.probe,
        temporal: () => client.workflowService.getSystemInfo({}),
      }),
    host: config.FREEHOLD_HOST,
    port: config.FREEHOLD_PORT,
  })
  log.info(`API listens on ${api.url}`)

  log.info(`${await stopSignal()}: the API is stopping`)
  await api.stop()
  await client.connection.close()
  await orm.close(true)
}

function required(config: Config, name: 'DATABASE_URL' | 'TEMPORAL_ADDRESS' | 'FREEHOLD_PLATFORM_KEY'): string {
  const value = config[name]
  if (value === undefined)
    throw new FreeholdError('configuration_invalid', `set ${name}: the API by itself starts no server of its own`)
  return value
}

await runService('api', main)
