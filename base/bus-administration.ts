import { getCACertificates } from 'node:tls'
import { ServiceBusAdministrationClient } from '@azure/service-bus'
import pThrottle from 'p-throttle'
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

/** Work on the management side of a bus. Throws what `busError` makes of its refusals. */
export type ManageBus = <T>(bus: ManagedBus, work: (client: ServiceBusAdministrationClient) => Promise<T>) => Promise<T>

type Managed = Omit<ManagedBus, 'name'> & { client: ServiceBusAdministrationClient; turn: () => Promise<void> }

/**
 * Management of any number of buses, each with its own rate. A bus has one client for as long as its credential is the
 * same; its rate outlives a new credential. Clients hold idle sockets only, which end by themselves.
 */
export function createBusAdministration(options: BusAdministrationOptions = {}): ManageBus {
  const { certificateAuthority, requestTimeoutMs = 10_000 } = options
  const tlsOptions =
    certificateAuthority === undefined ? {} : { ca: [...getCACertificates('default'), certificateAuthority] }
  const buses = new Map<string, Managed>()

  function managed({ name, management, callsPerSecond }: ManagedBus): Managed {
    const known = buses.get(name)
    const keepsRate = known?.callsPerSecond === callsPerSecond
    if (keepsRate && known.management === management) return known
    const turn = keepsRate ? known.turn : pThrottle({ limit: callsPerSecond, interval: 1_000 })(async () => {})
    const client = connect(name, management, { tlsOptions, retryOptions: { maxRetries: 2, retryDelayInMs: 100 } })
    // Behind the retries, so that each request takes its turn: pages of a list and repeated ones too.
    client.pipeline.addPolicy(
      {
        name: 'inTurn',
        async sendRequest(request, next) {
          await turn()
          request.timeout = requestTimeoutMs
          return next(request)
        },
      },
      { afterPhase: 'Retry' },
    )
    const made = { management, callsPerSecond, client, turn }
    buses.set(name, made)
    return made
  }

  return async (bus, work) => {
    const { client } = managed(bus)
    try {
      return await work(client)
    } catch (error) {
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
