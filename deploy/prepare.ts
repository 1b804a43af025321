import { accessSync, constants, mkdirSync } from 'node:fs'
import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import { readConfig } from '../base/config.ts'
import { platformOptions, readPlatformFile } from '../base/platform-file.ts'
import { searchAttributeTypes, workloadAttributeTypes } from '../base/search-attributes.ts'
import { secretResolver, type ResolveSecret } from '../base/secret-reference.ts'
import { reach } from '../base/service.ts'
import { bootstrapCell } from '../isolation/mappers/database/bootstrap.ts'
import { migrateRegistry } from '../registry/migrate.ts'
import { openRegistry } from '../registry/orm.ts'
import { createDatabase } from './create-database.ts'
import { ensurePlatformKey, firstKey } from './first-keys.ts'
import { ensureServiceLogin } from './service-login.ts'
import { temporalConnectionOptions, type TemporalConnectionOptions } from '../base/temporal-connection.ts'
import { ensureNamespaces, ensureSearchAttributes } from './temporal-namespaces.ts'

export type PrepareOptions = {
  readonly say: (line: string) => void
  /** Closes the system databases to PUBLIC as well; only for a server that nobody else uses. */
  readonly lockDown?: boolean
}

/**
 * Prepares servers that are there already for API and worker: the registry with their login, the databases of the cells,
 * the namespaces of Temporal, the platform key and a first key of the API. Each part may run again and then finds nothing
 * to do, so it goes before every start of a new version.
 * @param environment the variables of the README, with those of the administrator
 * @returns the first key of the API
 * @throws `configuration_invalid`, and `substrate_unavailable` naming the server that does not answer
 */
export async function prepare(
  environment: Readonly<Record<string, string | undefined>>,
  { say, lockDown = false }: PrepareOptions,
): Promise<string> {
  const config = readConfig(environment)
  const { DATABASE_URL, TEMPORAL_ADDRESS, FREEHOLD_PLATFORM_KEY, FREEHOLD_STATE_DIR: stateDir } = config
  if (DATABASE_URL === undefined || TEMPORAL_ADDRESS === undefined || FREEHOLD_PLATFORM_KEY === undefined)
    throw new FreeholdError(
      'configuration_invalid',
      'setup needs DATABASE_URL, TEMPORAL_ADDRESS and FREEHOLD_PLATFORM_KEY, and DATABASE_ADMIN_URL, if the login of DATABASE_URL is not an administrator',
    )
  const adminUrl = config.DATABASE_ADMIN_URL ?? DATABASE_URL
  const resolveSecret = secretResolver(environment)
  const platform = await readPlatformFile(config.FREEHOLD_PLATFORM_FILE, platformOptions(config))

  await reach('the registry database', 'DATABASE_ADMIN_URL', prepareRegistry(adminUrl))
  await ensureServiceLogin(adminUrl, DATABASE_URL)
  say('the registry is migrated')
  await prepareCells(platform.cells, { adminUrl, resolveSecret, say, lockDown })
  const server = await temporalConnectionOptions({ ...config, TEMPORAL_ADDRESS }, resolveSecret)
  const preparing = prepareTemporal(server, config.TEMPORAL_NAMESPACE, platform)
  await reach('the Temporal server', 'TEMPORAL_ADDRESS', preparing)
  say('Temporal has the namespaces and search attributes')
  requireFolder(stateDir)
  const orm = await openRegistry(adminUrl, { connections: 1 })
  try {
    await ensurePlatformKey(orm.em.fork(), FREEHOLD_PLATFORM_KEY, resolveSecret, say)
    return await firstKey(orm, stateDir, say)
  } finally {
    await orm.close(true)
  }
}

async function prepareRegistry(adminUrl: string): Promise<void> {
  await createDatabase(adminUrl)
  await migrateRegistry(adminUrl)
}

/** A cell on the administrator's own server is bootstrapped with the login of its credential; another is left as it is. */
async function prepareCells(
  cells: Platform['cells'],
  {
    adminUrl,
    resolveSecret,
    say,
    lockDown,
  }: Required<PrepareOptions> & { adminUrl: string; resolveSecret: ResolveSecret },
): Promise<void> {
  for (const { name, database } of cells) {
    const url = URL.parse(await resolveSecret(database.credential))
    if (url === null)
      throw new FreeholdError(
        'configuration_invalid',
        `the database credential of cell "${name}" is not a connection URL`,
      )
    if (serverOf(url) !== serverOf(new URL(adminUrl))) {
      say(`cell ${name} is on another server (${serverOf(url)}) than the administrator's; it was left as it is`)
      continue
    }
    await bootstrapCell({
      adminUrl,
      provisionerRole: decodeURIComponent(url.username),
      provisionerPassword: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1)),
      lockDown,
    })
    say(`the database of cell ${name} is there`)
  }
}

const serverOf = ({ hostname, port }: URL) => `${hostname}:${port || 5432}`

async function prepareTemporal(
  server: TemporalConnectionOptions,
  namespace: string,
  platform: Platform,
): Promise<void> {
  const ofTenants = [...new Set(platform.cells.map(({ runtime }) => runtime.namespace))]
  const names = [...new Set([namespace, ...ofTenants])]
  await ensureNamespaces(
    server,
    names.map((name) => ({ name, retentionDays: 7 })),
  )
  await ensureSearchAttributes(server, namespace, searchAttributeTypes)
  for (const name of ofTenants) await ensureSearchAttributes(server, name, workloadAttributeTypes)
}

function requireFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(path, constants.W_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new FreeholdError('configuration_invalid', `FREEHOLD_STATE_DIR: ${path} cannot be written to (${code})`, {
      cause,
    })
  }
}
