import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServiceBusAdministrationClient } from '@azure/service-bus'
import { freePorts } from '../../local/ports.ts'
import { startServiceBus, type RunningNamespace, type ServiceBus } from '../../packages/service-bus-broker/broker.ts'

export type TestBus = Awaited<ReturnType<typeof startTestBus>>

/**
 * A development broker of one namespace, and of more by name, in this process, with ports that stay the same when it is stopped and started
 * again. The caller stops it and removes the directory.
 */
export async function startTestBus(directory: string, limits: { topics?: number } = {}, more: readonly string[] = []) {
  const names = ['test', ...more]
  const ports = await freePorts(2 * names.length)
  const dataDir = join(directory, 'service-bus')
  let broker: ServiceBus | undefined

  async function start(): Promise<RunningNamespace> {
    const namespaces = names.map((name, at) => ({
      name,
      amqpPort: ports[2 * at] ?? 0,
      adminPort: ports[2 * at + 1] ?? 0,
    }))
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
  const administrationOf = ({ adminConnectionString, ca }: RunningNamespace) =>
    new ServiceBusAdministrationClient(adminConnectionString, Object.assign({}, { tlsOptions: { ca } }))
  const named = (name: string): RunningNamespace => {
    const found = broker?.namespaces.find((one) => one.name === name)
    if (found === undefined) throw new Error(`the broker serves no namespace ${name}`)
    return found
  }
  const variablesOfOthers = () =>
    Object.fromEntries(
      more.flatMap((name) => [
        [`${name.toUpperCase()}_BUS`, named(name).connectionString],
        [`${name.toUpperCase()}_BUS_ADMIN`, named(name).adminConnectionString],
      ]),
    )
  const administration = administrationOf(namespace)
  const caFile = join(dataDir, 'ca.pem')
  writeFileSync(caFile, namespace.ca)
  return {
    namespace,
    /** What a process needs to use it; of more namespaces, in `<NAME>_BUS` and `<NAME>_BUS_ADMIN`. */
    variables: {
      ...variablesOfOthers(),
      SERVICE_BUS_CONNECTION_STRING: namespace.connectionString,
      SERVICE_BUS_ADMIN_CONNECTION_STRING: namespace.adminConnectionString,
      SERVICE_BUS_CA_FILE: caFile,
    },
    administration,
    /** Names of the topics of another namespace. */
    topicsOf: (name: string) => topicsOf(administrationOf(named(name))),
    /** Names of all topics, ascending. */
    topics: () => topicsOf(administration),
    start,
    stop,
  }
}

async function topicsOf(administration: ServiceBusAdministrationClient): Promise<string[]> {
  const names = []
  for await (const { name } of administration.listTopics()) names.push(name)
  return names.toSorted((a, b) => a.localeCompare(b))
}
