import { parseServiceBusConnectionString } from '@azure/service-bus'
import type { BusEndpoint } from '../domain/placement.ts'
import { FreeholdError } from '../domain/errors.ts'

/**
 * Where a connection string of Service Bus leads. Throws `configuration_invalid` for what is none, never showing it.
 * @param what names the string for the error
 */
export function busEndpoint(connectionString: string, what: string): BusEndpoint {
  const { endpoint } = parsed(connectionString, what)
  const tls = !/(?:^|;)\s*UseDevelopmentEmulator\s*=\s*true/i.test(connectionString)
  const url = URL.parse(endpoint.replace(/^\w+:/, 'https:'))
  if (url === null) throw invalid(what)
  return { host: url.hostname, port: Number(url.port || (tls ? 5671 : 5672)), tls }
}

/** Connection string of one who holds a key of one entity. */
export function entityConnectionString(
  { host, port, tls }: BusEndpoint,
  { keyName, key, entity }: { keyName: string; key: string; entity: string },
): string {
  const standard = tls ? 5671 : 5672
  const authority = port === standard ? host : `${host}:${port}`
  const emulator = tls ? '' : ';UseDevelopmentEmulator=true'
  return `Endpoint=sb://${authority}/;SharedAccessKeyName=${keyName};SharedAccessKey=${key};EntityPath=${entity}${emulator}`
}

function parsed(connectionString: string, what: string) {
  try {
    return parseServiceBusConnectionString(connectionString)
  } catch {
    throw invalid(what)
  }
}

function invalid(what: string): FreeholdError {
  return new FreeholdError('configuration_invalid', `${what} is not a connection string of Service Bus`)
}
