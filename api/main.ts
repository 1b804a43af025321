import { readConfig, type Config } from '../platform/config.ts'
import { FreeholdError } from '../domain/errors.ts'
import { createLogger } from '../platform/logger.ts'
import { openMigrationSource } from '../platform/migration-source.ts'
import { readPlatformFile } from '../platform/platform-file.ts'
import { readPlatformKey, secretResolver } from '../platform/secret-reference.ts'
import { connectTemporal, operationStarter, timingOf } from '../platform/temporal.ts'
import { openRegistry, runtimeRole } from '../registry/orm.ts'
import { startApi } from './server.ts'

/** The API as a process of its own, against servers that are there already. */
const config = readConfig(process.env)
const log = createLogger(config)
const databaseUrl = required('DATABASE_URL')
const platform = await readPlatformFile(config.FREEHOLD_PLATFORM_FILE, config.FREEHOLD_STATE_DIR)
const platformKey = await readPlatformKey(required('FREEHOLD_PLATFORM_KEY'), secretResolver(process.env))
const client = await connectTemporal({ ...config, TEMPORAL_ADDRESS: required('TEMPORAL_ADDRESS') })
const orm = await openRegistry(databaseUrl, { role: runtimeRole, connections: 10 })

const api = await startApi({
  orm,
  platform,
  platformKey,
  migrations: openMigrationSource(config.FREEHOLD_MIGRATIONS_DIR || undefined),
  starter: operationStarter(client, { taskQueue: config.FREEHOLD_TASK_QUEUE, timing: timingOf(config) }),
  log,
  ...(config.FREEHOLD_TEMPORAL_UI_URL === undefined ? {} : { temporalUiUrl: config.FREEHOLD_TEMPORAL_UI_URL }),
  temporalNamespace: config.TEMPORAL_NAMESPACE,
  ready: async () => ({
    registry: await answers(orm.em.fork().execute('select 1')),
    temporal: await answers(client.workflowService.getSystemInfo({})),
  }),
  host: config.FREEHOLD_HOST,
  port: config.FREEHOLD_PORT,
})
log.info(`API listens on ${api.url}`)

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    log.info(`${signal}: the API is stopping`)
    void stop()
  })

async function stop(): Promise<void> {
  await api.stop()
  await client.connection.close()
  await orm.close(true)
}

async function answers(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  )
}

function required(name: 'DATABASE_URL' | 'TEMPORAL_ADDRESS' | 'FREEHOLD_PLATFORM_KEY'): string {
  const value: Config[typeof name] = config[name]
  if (value === undefined)
    throw new FreeholdError('configuration_invalid', `set ${name}: the API by itself starts no server of its own`)
  return value
}
