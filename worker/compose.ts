import { mkdir, readFile, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import type { ActivityDeps } from '../activities/deps.ts'
import { FreeholdError } from '../domain/errors.ts'
import { createMappers } from '../isolation/mappers/index.ts'
import { setVariables, type Config } from '../base/config.ts'
import { createBusAdministration, type BusAdministrationOptions } from '../base/bus-administration.ts'
import { busEndpoint } from '../base/bus-endpoint.ts'
import { openMigrationSource } from '../base/migration-source.ts'
import { platformOptions, readPlatformFile } from '../base/platform-file.ts'
import { readPlatformKey, secretResolver } from '../base/secret-reference.ts'
import { applyPlatform } from '../registry/apply-platform.ts'
import { openRegistry, runtimeRole } from '../registry/orm.ts'
import type { RelaySources } from './relay.ts'

/** What activities and the relay need, and how to give it back. */
export type WorkerDeps = ActivityDeps & RelaySources & { close(): Promise<void> }

/**
 * Wires what the activities work with from the configuration, and records the cells of the platform file.
 * @param environment where `env:` references are looked up
 */
export async function composeWorker(
  config: Config & { DATABASE_URL: string; FREEHOLD_PLATFORM_KEY: string; TEMPORAL_ADDRESS: string },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<WorkerDeps> {
  const variables = setVariables(environment)
  const { SERVICE_BUS_CONNECTION_STRING } = variables
  const resolveSecret = secretResolver({
    SERVICE_BUS_ADMIN_CONNECTION_STRING: SERVICE_BUS_CONNECTION_STRING,
    ...variables,
  })
  const platform = await readPlatformFile(config.FREEHOLD_PLATFORM_FILE, platformOptions(config))
  const platformKey = await readPlatformKey(config.FREEHOLD_PLATFORM_KEY, resolveSecret)
  for (const { name, objectStore, network } of platform.cells)
    for (const folder of [...(objectStore.kind === 'file-system' ? [objectStore.root] : []), network.policies])
      await prepareFolder(folder, name, config)
  // An activity holds one connection while it works; begin, settle, the sweep and the relay come on top.
  const orm = await openRegistry(config.DATABASE_URL, {
    role: runtimeRole,
    connections: config.FREEHOLD_WORKER_CONCURRENCY + 8,
  })
  const manageBus = createBusAdministration(await busTrust(config))
  const mappers = createMappers({
    database: { connections: config.FREEHOLD_WORKER_CONCURRENCY },
    manageBus,
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
    manageBus,
    close,
  }
}

/**
 * Makes a folder of the local stack. Any other has to be there: an empty folder in place of a volume that is not mounted
 * would pass for one in which every tenant was removed.
 */
async function prepareFolder(folder: string, cell: string, { FREEHOLD_STATE_DIR }: Config): Promise<void> {
  if (folder.startsWith(`${resolve(FREEHOLD_STATE_DIR)}${sep}`)) await mkdir(folder, { recursive: true, mode: 0o700 })
  const isThere = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isThere)
    throw new FreeholdError(
      'configuration_invalid',
      `cell "${cell}" keeps things in ${folder}, which is no folder; make or mount it`,
    )
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
