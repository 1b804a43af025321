import { join } from 'node:path'
import { requireFreePort } from './ports.ts'
import { startPostgres } from './postgres/server.ts'
import { resolveTemporalBinary } from './temporal/binary.ts'
import { temporalConnectionOptions } from '../base/temporal-connection.ts'
import { ensureNamespaces, ensureSearchAttributes } from '../deploy/temporal-namespaces.ts'
import { startTemporal } from './temporal/server.ts'
import type { Config } from '../base/config.ts'
import { searchAttributeTypes, workloadAttributeTypes } from '../base/search-attributes.ts'
import { keptSecret } from '../deploy/kept-secret.ts'
import { startBus, type BusVariables } from './bus.ts'

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
  /** Ends with a sentence when one of the servers died by itself. */
  died: Promise<string>
  stop(): Promise<void>
}

type Started<T> = T & { died?: Promise<string>; stop?: () => Promise<void> }

/** Starts what the configuration does not name, PostgreSQL, Temporal and the bus side by side. What came up is ended when the other fails. */
export async function startServers(
  config: Config,
  stateDir: string,
  options: { signal: AbortSignal; log: (line: string) => void },
): Promise<Servers> {
  await checkPorts(config)
  const results = await Promise.allSettled([
    postgres(config, stateDir, options.log),
    temporal(config, stateDir, options),
    startBus(config, stateDir, options.log),
  ])
  const [database, workflows, bus] = results
  const stop = async () => {
    for (const result of results) if (result.status === 'fulfilled') await result.value.stop?.()
  }
  if (database.status === 'rejected' || workflows.status === 'rejected' || bus.status === 'rejected') {
    await stop()
    throw results.find((result) => result.status === 'rejected')?.reason
  }
  const deaths = [database.value.died, workflows.value.died].filter((died) => died !== undefined)
  return {
    adminUrl: database.value.url,
    embedded: database.value.stop !== undefined,
    temporalAddress: workflows.value.address,
    temporalUiUrl: config.FREEHOLD_TEMPORAL_UI_URL ?? workflows.value.uiUrl,
    bus: bus.value.variables,
    died: Promise.race([...deaths, new Promise<string>(() => undefined)]),
    stop,
  }
}

async function checkPorts(config: Config): Promise<void> {
  await requireFreePort(config.FREEHOLD_PORT, { purpose: 'the API', variable: 'FREEHOLD_PORT' })
  if (config.DATABASE_URL === undefined)
    await requireFreePort(config.FREEHOLD_POSTGRES_PORT, { purpose: 'PostgreSQL', variable: 'FREEHOLD_POSTGRES_PORT' })
  if (config.EVENTS === 'service-bus' && config.SERVICE_BUS_CONNECTION_STRING === undefined) {
    await requireFreePort(config.FREEHOLD_SERVICE_BUS_PORT, {
      purpose: 'the broker',
      variable: 'FREEHOLD_SERVICE_BUS_PORT',
    })
    await requireFreePort(config.FREEHOLD_SERVICE_BUS_ADMIN_PORT, {
      purpose: 'the management side of the broker',
      variable: 'FREEHOLD_SERVICE_BUS_ADMIN_PORT',
    })
  }
  if (config.TEMPORAL_ADDRESS !== undefined) return
  await requireFreePort(config.FREEHOLD_TEMPORAL_PORT, { purpose: 'Temporal', variable: 'FREEHOLD_TEMPORAL_PORT' })
  await requireFreePort(config.FREEHOLD_TEMPORAL_UI_PORT, {
    purpose: 'the Temporal Web UI',
    variable: 'FREEHOLD_TEMPORAL_UI_PORT',
  })
}

async function postgres(
  config: Config,
  stateDir: string,
  log: (line: string) => void,
): Promise<Started<{ url: string }>> {
  const given = config.DATABASE_ADMIN_URL ?? config.DATABASE_URL
  if (given !== undefined) return { url: given }
  const password = keptSecret(join(stateDir, 'postgres-superuser.password'), 'hex')
  const server = await startPostgres({ stateDir, port: config.FREEHOLD_POSTGRES_PORT, password, log })
  const url = new URL(server.url)
  url.pathname = '/freehold'
  return { url: url.href, died: server.exited, stop: server.stop }
}

async function temporal(
  config: Config,
  stateDir: string,
  { signal, log }: { signal: AbortSignal; log: (line: string) => void },
): Promise<Started<{ address: string; uiUrl: string | undefined }>> {
  const server =
    config.TEMPORAL_ADDRESS === undefined
      ? await embeddedTemporal(config, stateDir, signal, log)
      : { address: config.TEMPORAL_ADDRESS, uiUrl: undefined }
  const reached = await temporalConnectionOptions({ ...config, TEMPORAL_ADDRESS: server.address })
  await ensureNamespaces(reached, [
    { name: config.TEMPORAL_NAMESPACE, retentionDays: 7 },
    { name: 'workloads', retentionDays: 7 },
  ])
  await ensureSearchAttributes(reached, config.TEMPORAL_NAMESPACE, searchAttributeTypes)
  await ensureSearchAttributes(reached, 'workloads', workloadAttributeTypes)
  return server
}

async function embeddedTemporal(config: Config, stateDir: string, signal: AbortSignal, log: (line: string) => void) {
  const binary = await resolveTemporalBinary({ env: process.env, log, signal })
  const { address, uiUrl, exited, stop } = await startTemporal({
    binary,
    stateDir,
    port: config.FREEHOLD_TEMPORAL_PORT,
    uiPort: config.FREEHOLD_TEMPORAL_UI_PORT,
    keepState: true,
  })
  return { address, uiUrl, died: exited, stop }
}
