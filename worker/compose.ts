import { mkdir, readFile } from 'node:fs/promises'
import type { ActivityDeps } from '../activities/deps.ts'
import { FreeholdError } from '../domain/errors.ts'
import { createMappers } from '../isolation/mappers/index.ts'
import type { Config } from '../platform/config.ts'
import type { BusAdministrationOptions } from '../platform/bus-administration.ts'
import { busEndpoint } from '../platform/bus-endpoint.ts'
import { openMigrationSource } from '../platform/migration-source.ts'
import { platformOptions, readPlatformFile } from '../platform/platform-file.ts'
import { readPlatformKey, secretResolver } from '../platform/secret-reference.ts'
import { applyPlatform } from '../registry/apply-platform.ts'
import { openRegistry, runtimeRole } from '../registry/orm.ts'

/** What activities need, and how to give it back. */
export type WorkerDeps = ActivityDeps & { close(): Promise<void> }

/**
 * Wires what the activities work with from the configuration, and records the cells of the platform file.
 * @param environment where `env:` references are looked up
 */
export async function composeWorker(
  config: Config & { DATABASE_URL: string; FREEHOLD_PLATFORM_KEY: string; TEMPORAL_ADDRESS: string },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<WorkerDeps> {
  const { SERVICE_BUS_CONNECTION_STRING } = environment
  const resolveSecret = secretResolver({
    SERVICE_BUS_ADMIN_CONNECTION_STRING: SERVICE_BUS_CONNECTION_STRING,
    ...environment,
  })
  const platform = await readPlatformFile(config.FREEHOLD_PLATFORM_FILE, platformOptions(config))
  const platformKey = await readPlatformKey(config.FREEHOLD_PLATFORM_KEY, resolveSecret)
  for (const { objectStore, network } of platform.cells)
    for (const folder of [objectStore.root, network.policies]) await mkdir(folder, { recursive: true, mode: 0o700 })
  // An activity holds one connection while it works; begin, settle and the sweep come on top.
  const orm = await openRegistry(config.DATABASE_URL, {
    role: runtimeRole,
    connections: config.FREEHOLD_WORKER_CONCURRENCY + 4,
  })
  const mappers = createMappers({
    database: { connections: config.FREEHOLD_WORKER_CONCURRENCY },
    topic: await busTrust(config),
    temporal: { address: config.TEMPORAL_ADDRESS },
  })
  const close = async () => {
    await Promise.all(Object.values(mappers).map((mapper) => mapper.close()))
    await orm.close(true)
  }
  try {
    await applyPlatform(orm.em.fork(), platform, {
      async database({ name, database }) {
        const url = parse(await resolveSecret(database.credential), name)
        const { host, port } = database.endpoint ?? { host: url.hostname, port: Number(url.port || 5432) }
        return { host, port, name: decodeURIComponent(url.pathname.slice(1)) }
      },
      bus: async ({ name, credential }) =>
        busEndpoint(await resolveSecret(credential), `the credential of bus "${name}"`),
    })
  } catch (error) {
    await close()
    throw error
  }
  return {
    orm,
    platform,
    platformKey,
    mappers,
    migrations: openMigrationSource(config.FREEHOLD_MIGRATIONS_DIR || undefined),
    resolveSecret,
    close,
  }
}

async function busTrust({ SERVICE_BUS_CA_FILE: file }: Config): Promise<BusAdministrationOptions> {
  if (file === undefined) return {}
  try {
    return { certificateAuthority: await readFile(file, 'utf8') }
  } catch (cause) {
    throw new FreeholdError('configuration_invalid', `SERVICE_BUS_CA_FILE: ${file} cannot be read`, { cause })
  }
}

function parse(url: string, cell: string): URL {
  const parsed = URL.parse(url)
  if (parsed === null || parsed.pathname.length < 2)
    throw new FreeholdError(
      'configuration_invalid',
      `the database credential of cell "${cell}" is not a connection URL with a database`,
    )
  return parsed
}
