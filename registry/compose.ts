import type { Client } from '@temporalio/client'
import type { Registry } from 'prom-client'
import { createSigner, type Signer } from '../crypto/signing.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Timing } from '../domain/operation.ts'
import type { Platform } from '../domain/platform.ts'
import type { Closing } from '../base/closing.ts'
import { readConfig, setVariables, type Config } from '../base/config.ts'
import { createLogger, type Logger } from '../base/logger.ts'
import { createMetricsRegistry } from '../base/metrics.ts'
import { openMigrationSource, type MigrationSource } from '../base/migration-source.ts'
import { platformOptions, readPlatformFile } from '../base/platform-file.ts'
import { readiness } from '../base/readiness.ts'
import { readPlatformKey, secretResolver, type ResolveSecret } from '../base/secret-reference.ts'
import { reach } from '../base/service.ts'
import { connectTemporal, operationStarter, timingOf, type OperationStarter } from '../base/temporal.ts'
import { openRegistry, servicesRole, type Orm } from './orm.ts'
import { transaction } from './pool.ts'
import { requireRegistry } from './require.ts'
import { keepSigningKey } from './signing-keys.ts'

/** What API and worker cannot do without, on top of what every process reads. */
export type ServiceConfig = Config & Record<(typeof needed)[number], string>

/** What runs in a process. */
export type Part = 'api' | 'worker'

/** Everything that API and worker both stand on. Each adds its own: `apiDeps`, `composeWorker`. */
export type Composition = {
  readonly config: ServiceConfig
  readonly log: Logger
  readonly platform: Platform
  readonly platformKey: Buffer
  /** Signs events, reports and checkpoints. */
  readonly signer: Signer
  readonly migrations: MigrationSource
  readonly resolveSecret: ResolveSecret
  /** The registry, as the services role. */
  readonly orm: Orm
  readonly client: Client
  readonly starter: OperationStarter
  /** Where metrics are told; which ones there are is for each part to say. */
  readonly metricsRegistry: Registry
  /** Whether the registry and Temporal answer. */
  readonly ready: () => Promise<Record<string, boolean>>
}

const needed = ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'FREEHOLD_PLATFORM_KEY'] as const

/**
 * Wires what a process with these parts works with, against servers that are there and prepared. The only place that does,
 * for `npm start`, API, worker, benchmarks and tests alike.
 * @param environment the variables it is configured by, and in which `env:` references are looked up
 * @param options `timing` in place of what the configuration says
 * @param closing takes what has to be closed again, also when this throws
 * @throws `configuration_invalid`, and `substrate_unavailable` naming the server that does not answer
 */
export async function compose(
  environment: Readonly<Record<string, string | undefined>>,
  { parts, timing = {} }: { parts: readonly Part[]; timing?: Partial<Timing> },
  closing: Closing,
): Promise<Composition> {
  const config = serviceConfig(environment)
  const log = createLogger(config)
  const variables = setVariables(environment)
  const resolveSecret = secretResolver({
    SERVICE_BUS_ADMIN_CONNECTION_STRING: variables['SERVICE_BUS_CONNECTION_STRING'],
    ...variables,
  })
  const platform = await readPlatformFile(config.FREEHOLD_PLATFORM_FILE, platformOptions(config))
  const migrations = await readableMigrations(config)
  const platformKey = await readPlatformKey(config.FREEHOLD_PLATFORM_KEY, resolveSecret)
  await requireRegistry(config.DATABASE_URL)
  const client = await reach('the Temporal server', 'TEMPORAL_ADDRESS', connectTemporal(config, resolveSecret))
  closing.add('the connection to Temporal', () => client.connection.close())
  const orm = await openRegistry(config.DATABASE_URL, { role: servicesRole, connections: connections(parts, config) })
  closing.add('the registry', () => orm.close(true))
  const signer = createSigner(platformKey, config.FREEHOLD_SIGNING_KEY_VERSION)
  await transaction(orm.pool, (sql) => keepSigningKey(sql, signer))
  return {
    config,
    log,
    platform,
    platformKey,
    signer,
    migrations,
    resolveSecret,
    orm,
    client,
    starter: operationStarter(client, {
      taskQueue: config.FREEHOLD_TASK_QUEUE,
      timing: { ...timingOf(config), ...timing },
    }),
    metricsRegistry: createMetricsRegistry(),
    ready: () =>
      readiness({
        registry: orm.probe,
        temporal: () => client.workflowService.getSystemInfo({}),
      }),
  }
}

/** Read once at the start, as the platform file is: a folder that is not there would fail the first tenant only. */
async function readableMigrations({ FREEHOLD_MIGRATIONS_DIR: folder }: Config): Promise<MigrationSource> {
  const migrations = openMigrationSource(folder || undefined)
  await migrations.versions()
  return migrations
}

function serviceConfig(environment: Readonly<Record<string, string | undefined>>): ServiceConfig {
  const config = readConfig(environment)
  const { DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY } = config
  if (DATABASE_URL !== undefined && TEMPORAL_ADDRESS !== undefined && FREEHOLD_PLATFORM_KEY !== undefined)
    return { ...config, DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY }
  const missing = needed.filter((name) => config[name] === undefined)
  throw new FreeholdError(
    'configuration_invalid',
    `set ${missing.join(', ')}: API and worker by themselves start no server of their own`,
  )
}

/** No step holds one while it works: a few are enough for any number of steps, and for begin, settle, sweep and relay. */
function connections(parts: readonly Part[], { FREEHOLD_WORKER_CONCURRENCY }: Config): number {
  const each = { api: 10, worker: FREEHOLD_WORKER_CONCURRENCY + 8 }
  return parts.reduce((sum, part) => sum + each[part], 0)
}
