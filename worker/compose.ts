import { mkdir, readFile, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import type { ActivityDeps } from '../activities/deps.ts'
import { createBusAdministration, type BusAdministrationOptions } from '../base/bus-administration.ts'
import { busEndpoint } from '../base/bus-endpoint.ts'
import type { Closing } from '../base/closing.ts'
import type { Config } from '../base/config.ts'
import { workerMetrics, type WorkerMetrics } from '../base/metrics.ts'
import { networks } from '../base/networks.ts'
import { temporalConnectionOptions } from '../base/temporal-connection.ts'
import { signatureKey } from '../crypto/message-signature.ts'
import { FreeholdError } from '../domain/errors.ts'
import { coldStorageOf } from '../isolation/archives/storages.ts'
import { createMappers } from '../isolation/mappers/index.ts'
import { applyPlatform } from '../registry/apply-platform.ts'
import type { Composition } from '../registry/compose.ts'
import type { RelaySources } from './relay.ts'

/** What the worker needs on top of what it shares with the API: mappers, the management of buses, its metrics. */
export type WorkerDeps = Composition &
  ActivityDeps &
  RelaySources & {
    readonly metrics: WorkerMetrics
    /** The bundle of the workflows, where it was made before; else the worker makes it. */
    readonly workflows?: { code: string }
  }

/**
 * Adds what the worker alone works with, and records cells and buses of the platform file. Once for each composition, for a
 * metric is registered once.
 */
export async function composeWorker(composition: Composition, closing: Closing): Promise<WorkerDeps> {
  const { config, platform, orm, resolveSecret } = composition
  for (const { name, objectStore, network } of platform.cells)
    for (const folder of [...(objectStore.kind === 'file-system' ? [objectStore.root] : []), network.policies])
      await prepareFolder(folder, `cell "${name}"`, config)
  if (platform.archives.kind === 'file-system') await prepareFolder(platform.archives.root, 'archives', config)
  const { governanceEndpoint: asked } = platform
  // Told now, and not by the first command that is asked about.
  if (asked !== undefined) signatureKey(await resolveSecret(asked.secret), asked.secret)
  const manageBus = createBusAdministration(await busTrust(config))
  const archives = coldStorageOf(platform.archives)
  const mappers = createMappers({
    database: { connections: config.FREEHOLD_WORKER_CONCURRENCY, denied: networks(config.FREEHOLD_OWN_SERVERS_DENY) },
    manageBus,
    temporal: await temporalConnectionOptions(config, resolveSecret),
    archives,
  })
  for (const [kind, mapper] of Object.entries(mappers)) closing.add(`the mapper of ${kind}`, () => mapper.close())
  await applyPlatform(orm.em.fork(), platform, {
    async database({ name, database }) {
      const url = parse(await resolveSecret(database.credential), name)
      const { host, port } = database.endpoint ?? { host: url.hostname, port: Number(url.port || 5432) }
      return { host, port, name: decodeURIComponent(url.pathname.slice(1)) }
    },
    bus: async ({ name, credential }) =>
      busEndpoint(await resolveSecret(credential), `the credential of bus "${name}"`),
  })
  return { ...composition, mappers, archives, manageBus, metrics: workerMetrics(composition.metricsRegistry) }
}

/**
 * Makes a folder of the local stack. Any other has to be there: an empty folder in place of a volume that is not mounted
 * would pass for one in which every tenant was removed.
 */
async function prepareFolder(folder: string, what: string, { FREEHOLD_STATE_DIR }: Config): Promise<void> {
  if (folder.startsWith(`${resolve(FREEHOLD_STATE_DIR)}${sep}`)) await mkdir(folder, { recursive: true, mode: 0o700 })
  const isThere = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isThere)
    throw new FreeholdError(
      'configuration_invalid',
      `what the platform file says of ${what}: ${folder} is no folder; make or mount it`,
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
