import { AsyncLocalStorage } from 'node:async_hooks'
import { getCACertificates } from 'node:tls'
import { ServiceBusAdministrationClient } from '@azure/service-bus'
import { FreeholdError } from '../domain/errors.ts'
import { callsPerSecond } from '../domain/placement.ts'
import type { BusDeclaration } from '../domain/platform.ts'
import { busEndpoint } from './bus-endpoint.ts'
import { busError } from './bus-errors.ts'
import type { ResolveSecret } from './secret-reference.ts'

/** The management side of a bus. */
export type ManagedBus = { readonly name: string; readonly management: string; readonly callsPerSecond: number }

/**
 * The management side of a declared bus, its credential read just now. Throws `configuration_invalid` for one that is no
 * connection string.
 */
export async function managedBus(declaration: BusDeclaration, resolveSecret: ResolveSecret): Promise<ManagedBus> {
  const { name, credential, management: reference, managementCallsPerSecond } = declaration
  const management = await resolveSecret(reference ?? credential)
  const endpoint = busEndpoint(management, `the management credential of bus "${name}"`)
  return { name, management, callsPerSecond: managementCallsPerSecond ?? callsPerSecond(endpoint) }
}

export type BusAdministrationOptions = {
  /** PEM, trusted besides the public ones. */
  readonly certificateAuthority?: string
  /** How many milliseconds one request may take (10,000): one that is never answered must not hold a worker's place. */
  readonly requestTimeoutMs?: number
}

/**
 * Work on the management side of a bus. Throws what `busError` makes of its refusals, and the signal's reason when it was
 * aborted. How often a bus is asked is the business of who asks.
 */
export type ManageBus = <T>(
  bus: Pick<ManagedBus, 'name' | 'management'>,
  work: (client: ServiceBusAdministrationClient) => Promise<T>,
  signal?: AbortSignal,
) => Promise<T>

type Managed = { readonly management: string; readonly client: ServiceBusAdministrationClient }

/**
 * Management of any number of buses. A bus has one client for as long as its credential is the same. Clients hold idle
 * sockets only, which end by themselves.
 */
export function createBusAdministration(options: BusAdministrationOptions = {}): ManageBus {
  const { certificateAuthority, requestTimeoutMs = 10_000 } = options
  const tlsOptions =
    certificateAuthority === undefined ? {} : { ca: [...getCACertificates('default'), certificateAuthority] }
  const buses = new Map<string, Managed>()
  /** Whose work a request is of, so that no call can forget to hand the signal on. */
  const callers = new AsyncLocalStorage<AbortSignal | undefined>()

  function managed({ name, management }: Pick<ManagedBus, 'name' | 'management'>): ServiceBusAdministrationClient {
    const known = buses.get(name)
    if (known?.management === management) return known.client
    const client = connect(name, management, { tlsOptions, retryOptions: { maxRetries: 2, retryDelayInMs: 100 } })
    // Before the retries, so that a wait between two of them ends too.
    client.pipeline.addPolicy({
      name: 'bounded',
      sendRequest(request, next) {
        request.timeout = requestTimeoutMs
        const signal = callers.getStore()
        if (signal !== undefined) request.abortSignal = signal
        return next(request)
      },
    })
    buses.set(name, { management, client })
    return client
  }

  return async (bus, work, signal) => {
    signal?.throwIfAborted()
    const client = managed(bus)
    try {
      return await callers.run(signal, () => work(client))
    } catch (error) {
      signal?.throwIfAborted()
      throw busError(error, bus.name)
    }
  }
}

function connect(name: string, management: string, settings: object): ServiceBusAdministrationClient {
  try {
    return new ServiceBusAdministrationClient(management, settings)
  } catch {
    throw new FreeholdError(
      'configuration_invalid',
      `the management credential of bus "${name}" is not a connection string with a key`,
    )
  }
}
