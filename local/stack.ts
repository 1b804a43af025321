import { join } from 'node:path'
import type { Closing } from '../base/closing.ts'
import { readConfig, setVariables } from '../base/config.ts'
import { keptSecret } from '../deploy/kept-secret.ts'
import { prepare } from '../deploy/prepare.ts'
import { startServers, type StartOptions } from './servers.ts'
import { openStateDir } from './state-dir.ts'

/** A local stack, up and prepared: what API and worker need, in this process or in others. */
export type Stack = {
  /** The variables API and worker run with, as `compose` takes them. */
  readonly environment: Readonly<Record<string, string>>
  readonly stateDir: string
  /** The first key of the API, of a platform-admin. */
  readonly adminKey: string
  readonly temporalAddress: string
  readonly temporalUiUrl: string | undefined
  readonly brokerPid: (() => number) | undefined
  /** Ends with a sentence when PostgreSQL or Temporal died by itself. */
  readonly died: Promise<string>
}

/**
 * Starts the servers that the variables do not name, and prepares all of them as setup does. API and worker get a login
 * with the rights of the services and no more; the superuser is for the preparation alone.
 * @param given variables of the README
 * @param options `fresh` empties the state directory first; `signal` ends a long start; `log` gets lines for a person
 * @param closing takes what has to be stopped again, also when this throws
 * @throws LocalStackError or FreeholdError with one sentence of what is wrong
 */
export async function startStack(
  given: Readonly<Record<string, string | undefined>>,
  { fresh = false, ...options }: StartOptions & { fresh?: boolean },
  closing: Closing,
): Promise<Stack> {
  const config = readConfig(given)
  const { path: stateDir, release } = await openStateDir({ path: config.FREEHOLD_STATE_DIR, fresh, log: options.log })
  closing.add('the lock of the state directory', release)
  options.signal.throwIfAborted()
  options.log('starting PostgreSQL, Temporal and the bus …')
  const servers = await startServers(config, stateDir, options, closing)
  options.signal.throwIfAborted()
  const as = (username: string, passwordFile: string) =>
    Object.assign(new URL(servers.adminUrl), { username, password: keptSecret(join(stateDir, passwordFile), 'hex') })
  const warehouse = as('freehold_provisioner', 'provisioner.password')
  warehouse.pathname = '/warehouse_shared'
  const environment = setVariables({
    DATABASE_URL: servers.embedded ? as('freehold', 'service.password').href : config.DATABASE_URL,
    FREEHOLD_WAREHOUSE_URL: warehouse.href,
    FREEHOLD_PLATFORM_KEY: `file:${join(stateDir, 'platform.key')}`,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    FREEHOLD_TEMPORAL_UI_URL: servers.temporalUiUrl,
    ...setVariables(given),
    ...servers.bus,
    FREEHOLD_STATE_DIR: stateDir,
  })
  const adminKey = await prepare(
    { ...environment, DATABASE_ADMIN_URL: servers.adminUrl },
    { say: () => {}, lockDown: servers.embedded },
  )
  const { temporalAddress, temporalUiUrl, brokerPid, died } = servers
  return { environment, stateDir, adminKey, temporalAddress, temporalUiUrl, brokerPid, died }
}
