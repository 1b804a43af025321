import { join } from 'node:path'
import type { Closing } from '../base/closing.ts'
import type { Config } from '../base/config.ts'
import { keptSecret } from '../deploy/kept-secret.ts'
import { LocalStackError, messageOf } from './errors.ts'
import { requireFreePort } from './ports.ts'
import { startPostgres } from './postgres/server.ts'
import { startServiceBus } from './service-bus/server.ts'
import { resolveTemporalBinary } from './temporal/binary.ts'
import { startTemporal } from './temporal/server.ts'

/** What the environment says of a bus: the variables of the example platform file, and whom to trust. */
type BusVariables = Pick<
  Config,
  'SERVICE_BUS_CONNECTION_STRING' | 'SERVICE_BUS_ADMIN_CONNECTION_STRING' | 'SERVICE_BUS_CA_FILE'
>

/** The servers everything stands on, embedded or those the configuration names. */
export type Servers = {
  /** The registry as an administrator of its server. */
  adminUrl: string
  /** Whether the PostgreSQL server is ours alone. */
  embedded: boolean
  temporalAddress: string
  temporalUiUrl: string | undefined
  /** Connection strings of the bus as variables; empty without one. */
  bus: BusVariables
  /** Process id of the development broker, where there is one. */
  brokerPid: (() => number) | undefined
  /** Ends with a sentence when PostgreSQL or Temporal died by itself. */
  died: Promise<string>
}

/** `signal` ends a long start; `log` gets lines for a person; `postgresSettings` are more settings, as `name=value`. */
export type StartOptions = {
  readonly signal: AbortSignal
  readonly log: (line: string) => void
  readonly postgresSettings?: readonly string[]
}
type Started = { died?: Promise<string>; stop?: () => Promise<void> }

/** A server that is asked to end gets a signal, then another, then SIGKILL; PostgreSQL has the most patience of all. */
const stopMs = 75_000

/**
 * Starts what the configuration does not name, PostgreSQL, Temporal and the bus side by side. `closing` takes what came
 * up, also when another fails and this throws.
 */
export async function startServers(
  config: Config,
  stateDir: string,
  options: StartOptions,
  closing: Closing,
): Promise<Servers> {
  await checkPorts(config)
  const kept = async <T extends Started>(name: string, starting: Promise<T>): Promise<T> => {
    const started = await starting
    if (started.stop !== undefined) closing.add(name, started.stop, stopMs)
    return started
  }
  const [database, workflows, bus] = await allOrFirstFailure([
    kept('PostgreSQL', postgres(config, stateDir, options)),
    kept('Temporal', temporal(config, stateDir, options)),
    kept('the development broker', serviceBus(config, stateDir, options)),
  ])
  const deaths = [database.died, workflows.died].filter((died) => died !== undefined)
  return {
    adminUrl: database.url,
    embedded: database.stop !== undefined,
    temporalAddress: workflows.address,
    temporalUiUrl: config.FREEHOLD_TEMPORAL_UI_URL ?? workflows.uiUrl,
    bus: bus.variables,
    brokerPid: bus.pid,
    died: Promise.race([...deaths, new Promise<string>(() => undefined)]),
  }
}

/** Waits for all of them, so that none comes up after the others were stopped; then throws the first failure, if any. */
async function allOrFirstFailure<T extends unknown[]>(starting: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(starting)
  return Promise.all(starting) as Promise<T>
}

/** Tells of all ports at once: who has to change one variable may as well change them all. */
async function checkPorts(config: Config): Promise<void> {
  const ownBus = config.EVENTS === 'service-bus' && config.SERVICE_BUS_CONNECTION_STRING === undefined
  const ownTemporal = config.TEMPORAL_ADDRESS === undefined
  const uses = [
    { purpose: 'the API', variable: 'FREEHOLD_PORT', isOurs: true },
    { purpose: 'PostgreSQL', variable: 'FREEHOLD_POSTGRES_PORT', isOurs: config.DATABASE_URL === undefined },
    { purpose: 'the broker', variable: 'FREEHOLD_SERVICE_BUS_PORT', isOurs: ownBus },
    { purpose: 'the management side of the broker', variable: 'FREEHOLD_SERVICE_BUS_ADMIN_PORT', isOurs: ownBus },
    { purpose: 'Temporal', variable: 'FREEHOLD_TEMPORAL_PORT', isOurs: ownTemporal },
    { purpose: 'the Temporal Web UI', variable: 'FREEHOLD_TEMPORAL_UI_PORT', isOurs: ownTemporal },
  ] as const
  const faults: string[] = []
  for (const use of uses) {
    if (!use.isOurs) continue
    await requireFreePort(config[use.variable], use).catch((error: unknown) => faults.push(messageOf(error)))
  }
  if (faults.length > 0) throw new LocalStackError(faults.join('\n'))
}

async function postgres(
  config: Config,
  stateDir: string,
  { signal, log, postgresSettings }: StartOptions,
): Promise<Started & { url: string }> {
  const given = config.DATABASE_ADMIN_URL ?? config.DATABASE_URL
  if (given !== undefined) return { url: given }
  const password = keptSecret(join(stateDir, 'postgres-superuser.password'), 'hex')
  const server = await startPostgres({
    stateDir,
    port: config.FREEHOLD_POSTGRES_PORT,
    password,
    settings: postgresSettings ?? [],
    signal,
    log,
  })
  const url = new URL(server.url)
  url.pathname = '/freehold'
  return { url: url.href, died: server.exited.then((how) => `PostgreSQL ended by itself (${how})`), stop: server.stop }
}

async function temporal(
  config: Config,
  stateDir: string,
  { signal, log }: StartOptions,
): Promise<Started & { address: string; uiUrl: string | undefined }> {
  if (config.TEMPORAL_ADDRESS !== undefined) return { address: config.TEMPORAL_ADDRESS, uiUrl: undefined }
  const binary = await resolveTemporalBinary({ env: process.env, log, signal })
  signal.throwIfAborted()
  const { address, uiUrl, exited, stop } = await startTemporal({
    binary,
    stateDir,
    port: config.FREEHOLD_TEMPORAL_PORT,
    uiPort: config.FREEHOLD_TEMPORAL_UI_PORT,
    keepState: true,
  })
  return { address, uiUrl, died: exited.then((how) => `Temporal ended by itself (${how})`), stop }
}

/** The namespace the configuration names, or the development broker; none where events go by webhooks alone. */
async function serviceBus(
  config: Config,
  stateDir: string,
  { log }: StartOptions,
): Promise<Started & { variables: BusVariables; pid?: () => number }> {
  const { SERVICE_BUS_CONNECTION_STRING: given, SERVICE_BUS_CA_FILE } = config
  if (config.EVENTS === 'webhooks') return { variables: {} }
  if (given !== undefined)
    return {
      variables: {
        SERVICE_BUS_CONNECTION_STRING: given,
        SERVICE_BUS_ADMIN_CONNECTION_STRING: config.SERVICE_BUS_ADMIN_CONNECTION_STRING ?? given,
        SERVICE_BUS_CA_FILE,
      },
    }
  const { namespace, caFile, pid, stop } = await startServiceBus({
    stateDir,
    amqpPort: config.FREEHOLD_SERVICE_BUS_PORT,
    adminPort: config.FREEHOLD_SERVICE_BUS_ADMIN_PORT,
    log,
  })
  return {
    variables: {
      SERVICE_BUS_CONNECTION_STRING: namespace.connectionString,
      SERVICE_BUS_ADMIN_CONNECTION_STRING: namespace.adminConnectionString,
      SERVICE_BUS_CA_FILE: caFile,
    },
    pid,
    stop,
  }
}
