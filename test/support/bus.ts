import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServiceBusAdministrationClient } from '@azure/service-bus'
import { freePorts } from '../../local/ports.ts'
import { startServiceBus, type RunningNamespace, type ServiceBus } from '../../packages/service-bus-broker/broker.ts'

export type TestBus = Awaited<ReturnType<typeof startTestBus>>

/**
 * A development broker of one namespace in this process, with ports that stay the same when it is stopped and started
 * again. The caller stops it and removes the directory.
 */
export async function startTestBus(directory: string, limits: { topics?: number } = {}) {
  const [amqpPort = 0, adminPort = 0] = await freePorts(2)
  const dataDir = join(directory, 'service-bus')
  let broker: ServiceBus | undefined

  async function start(): Promise<RunningNamespace> {
    const namespaces = [{ name: 'test', amqpPort, adminPort }]
    broker = await startServiceBus({ dataDir, namespaces, limits, log: () => {} })
    const [namespace] = broker.namespaces
    if (namespace === undefined) throw new Error('the broker serves no namespace')
    return namespace
  }

  async function stop(): Promise<void> {
    await broker?.stop()
    broker = undefined
  }

  const namespace = await start()
  const administration = new ServiceBusAdministrationClient(
    namespace.adminConnectionString,
    Object.assign({}, { tlsOptions: { ca: namespace.ca } }),
  )
  const caFile = join(dataDir, 'ca.pem')
  writeFileSync(caFile, namespace.ca)
  return {
    namespace,
    /** What a process needs to use it. */
    variables: {
      SERVICE_BUS_CONNECTION_STRING: namespace.connectionString,
      SERVICE_BUS_ADMIN_CONNECTION_STRING: namespace.adminConnectionString,
      SERVICE_BUS_CA_FILE: caFile,
    },
    administration,
    /** Names of all topics, ascending. */
    async topics(): Promise<string[]> {
      const names = []
      for await (const { name } of administration.listTopics()) names.push(name)
      return names.toSorted((a, b) => a.localeCompare(b))
    },
    start,
    stop,
  }
}
