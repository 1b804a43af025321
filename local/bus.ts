import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServiceBus } from '../packages/service-bus-broker/service-bus.ts'
import type { Config } from '../base/config.ts'

/** What the environment says of a bus: the variables of the example platform file, and whom to trust. */
export type BusVariables = Pick<
  Config,
  'SERVICE_BUS_CONNECTION_STRING' | 'SERVICE_BUS_ADMIN_CONNECTION_STRING' | 'SERVICE_BUS_CA_FILE'
>

/**
 * The bus of one machine: the namespace the configuration names, or the development broker in this process, with its state
 * in `<stateDir>/service-bus`. None where events go by webhooks alone.
 */
export async function startBus(
  config: Config,
  stateDir: string,
  log: (line: string) => void,
): Promise<{ variables: BusVariables; stop?: () => Promise<void> }> {
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
  const dataDir = join(stateDir, 'service-bus')
  const ports = { amqpPort: config.FREEHOLD_SERVICE_BUS_PORT, adminPort: config.FREEHOLD_SERVICE_BUS_ADMIN_PORT }
  const broker = await startServiceBus({ dataDir, namespaces: [{ name: 'local', ...ports }], log })
  const [namespace] = broker.namespaces
  if (namespace === undefined) throw new Error('the broker serves no namespace')
  const caFile = join(dataDir, 'ca.pem')
  writeFileSync(caFile, namespace.ca)
  // For services of the platform that are tried out beside it; the key opens every topic.
  writeFileSync(join(dataDir, 'connection-string'), namespace.connectionString, { mode: 0o600 })
  return {
    variables: {
      SERVICE_BUS_CONNECTION_STRING: namespace.connectionString,
      SERVICE_BUS_ADMIN_CONNECTION_STRING: namespace.adminConnectionString,
      SERVICE_BUS_CA_FILE: caFile,
    },
    stop: broker.stop,
  }
}
