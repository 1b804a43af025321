import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { listenAdmin } from './admin-server.ts'
import { listenAmqp } from './amqp-server.ts'
import type { Listening } from './amqp-server.ts'
import { makeCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import type { Log } from './client-connection.ts'
import { newKey } from './description.ts'
import { Namespace, rootKeyName } from './namespace.ts'
import type { Limits } from './namespace.ts'
import { restore } from './restore.ts'
import { Storage } from './storage.ts'
import { Ticker } from './ticker.ts'

/** A namespace to serve; port 0 takes a free one. Without `rootKey` one is made at first and kept. */
export type NamespaceOptions = { name: string; amqpPort: number; adminPort: number; rootKey?: string }

/** How to start the broker; `host` must be a loopback address. */
export type ServiceBusOptions = {
  dataDir: string
  namespaces: NamespaceOptions[]
  host?: string
  limits?: Partial<Limits>
  log: Log
}

/**
 * A running namespace. `connectionString` is for `ServiceBusClient`; `adminConnectionString`, with the option
 * `tlsOptions: { ca }`, for `ServiceBusAdministrationClient`.
 */
export type RunningNamespace = {
  name: string
  connectionString: string
  adminConnectionString: string
  amqpPort: number
  adminPort: number
  ca: string
}

/** The running broker; `stop` commits what is open, cuts all connections and closes the files. */
export type ServiceBus = { namespaces: RunningNamespace[]; stop: () => Promise<void> }

/** Those of the service's Standard tier. */
const standardLimits: Limits = { topics: 10_000, subscriptionsPerTopic: 2_000, maxMessageBytes: 262_144 }

const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/

function connectionString(host: string, port: number, rootKey: string): string {
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return `Endpoint=sb://${authority};SharedAccessKeyName=${rootKeyName};SharedAccessKey=${rootKey};UseDevelopmentEmulator=true`
}

function openStorage(dataDir: string, failed: (error: unknown) => void): Storage {
  try {
    return new Storage(join(dataDir, 'service-bus.db'), failed)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`Cannot open the state in '${dataDir}' (${why}); is another broker running with it?`, { cause })
  }
}

/**
 * Starts the broker: one AMQP port and one administration port per namespace, all state in `dataDir`. Throws when `host`
 * is not a loopback address, another broker uses `dataDir`, or a port is taken.
 */
export async function startServiceBus(options: ServiceBusOptions): Promise<ServiceBus> {
  const { dataDir, host = '127.0.0.1', log } = options
  if (!loopback.test(host))
    throw new Error(`The local Service Bus broker is for development and listens on loopback only, not on '${host}'.`)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const failed = (what: string) => (error: unknown) =>
    log(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  const storage = openStorage(dataDir, failed('Writing to disk failed and is tried again'))
  const ticker = new Ticker(Date.now, failed('An expiry failed'))
  const listening: Listening[] = []
  const stop = async () => {
    ticker.stop()
    await Promise.all(listening.map((server) => server.stop()))
    storage.close()
  }
  try {
    const kept = new Map(storage.rows('meta').map((row) => [String(row['key']), String(row['value'])]))
    const keep = (key: string, value: string): string => {
      if (kept.get(key) !== value) storage.write('meta', () => [key, value])
      return value
    }
    const made = kept.get('certificate')
    const certificate: Certificate = JSON.parse(keep('certificate', made ?? JSON.stringify(makeCertificate())))
    const limits = { ...standardLimits, ...options.limits }
    const around = { now: Date.now, storage, ticker }
    const rootKeys = new Map(
      options.namespaces.map(({ name, rootKey }) => {
        const key = `root-key/${name}`
        return [name, keep(key, rootKey ?? kept.get(key) ?? newKey())]
      }),
    )
    let lastId = 0
    const namespaces = new Map(
      [...rootKeys].map(([name, key]) => [name, new Namespace(name, key, limits, around, () => ++lastId)]),
    )
    lastId = restore(storage, namespaces)
    const running: RunningNamespace[] = []
    for (const { name, amqpPort, adminPort } of options.namespaces) {
      const [namespace, rootKey] = [namespaces.get(name), rootKeys.get(name) ?? '']
      if (!namespace) throw new Error(`The namespace '${name}' is given twice or not at all.`)
      const amqp = await listenAmqp(namespace, host, amqpPort, log)
      listening.push(amqp)
      const admin = await listenAdmin(namespace, certificate, host, adminPort, log)
      listening.push(admin)
      running.push({
        name,
        connectionString: connectionString(host, amqp.port, rootKey),
        adminConnectionString: connectionString(host, admin.port, rootKey),
        amqpPort: amqp.port,
        adminPort: admin.port,
        ca: certificate.cert,
      })
    }
    return { namespaces: running, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
