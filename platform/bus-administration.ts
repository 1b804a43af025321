import { rootCertificates } from 'node:tls'
import { ServiceBusAdministrationClient } from '@azure/service-bus'
import { LRUCache } from 'lru-cache'
import pThrottle from 'p-throttle'
import { FreeholdError } from '../domain/errors.ts'

/** The management side of a bus. */
export type ManagedBus = { readonly name: string; readonly management: string; readonly callsPerSecond: number }

export type BusAdministrationOptions = {
  /** PEM, trusted besides the public ones. */
  readonly certificateAuthority?: string
}

/** One call to the management side of a bus, in its turn. Throws what `busError` makes of it. */
export type ManageBus = <T>(bus: ManagedBus, work: (client: ServiceBusAdministrationClient) => Promise<T>) => Promise<T>

const maxClients = 32

/** Management of any number of buses, each with its own rate; clients are kept while they are in use. */
export function createBusAdministration(options: BusAdministrationOptions): ManageBus {
  const tls =
    options.certificateAuthority === undefined ? {} : { ca: [...rootCertificates, options.certificateAuthority] }
  const clients = new LRUCache<string, ReturnType<typeof open>>({ max: maxClients })

  function open({ name, management, callsPerSecond }: ManagedBus) {
    const settings = { tlsOptions: tls, retryOptions: { maxRetries: 2 } }
    const client = connect(name, management, settings)
    const inTurn = pThrottle({ limit: callsPerSecond, interval: 1_000 })
    return { client, turn: inTurn(async () => {}) }
  }

  return async (bus, work) => {
    const { client, turn } = clients.get(bus.management) ?? open(bus)
    clients.set(bus.management, { client, turn })
    await turn()
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
      `the management credential of bus "${name}" is not a connection string`,
    )
  }
}

/** The HTTP status of a refusal of the management side; undefined when it did not answer. */
export function busStatus(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined
}

/**
 * What the management side's refusal is to us: `bus_exhausted` for a full namespace, `configuration_invalid` for a
 * refused credential, `substrate_unavailable` for what may pass. Not found and conflict are left to the caller, as is a
 * `FreeholdError`. Never carries the original, which may hold a token.
 */
function busError(error: unknown, bus: string): unknown {
  const status = busStatus(error)
  if (error instanceof FreeholdError || status === 404 || status === 409) return error
  if ((error as { code?: unknown }).code === 'MessageEntityNotFoundError') return error
  if (status === 401)
    return new FreeholdError('configuration_invalid', `bus "${bus}" refuses the management credential; check it`)
  if (status === 403)
    return new FreeholdError(
      'bus_exhausted',
      `bus "${bus}" takes no more topics; lower its capacity and add another bus`,
    )
  if (status === undefined || status >= 429)
    return new FreeholdError(
      'substrate_unavailable',
      `the management side of bus "${bus}" is not available: ${textOf(error)}`,
    )
  return new FreeholdError('internal', `bus "${bus}" refuses a management call with status ${status}`)
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Whether the management side says that there is no such entity. */
export function isMissing(error: unknown): boolean {
  return busStatus(error) === 404 || (error as { code?: unknown }).code === 'MessageEntityNotFoundError'
}
