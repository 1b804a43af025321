import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServiceBus } from './broker.ts'
import type { NamespaceOptions } from './broker.ts'

/**
 * The broker as a process of its own. Reads the environment (README.md says what), prints one line of JSON when it is
 * ready, and stops on SIGTERM or SIGINT. Connection strings hold keys, so they go to a file that only its owner can read.
 */
function namespaceOptions(text: string): NamespaceOptions[] {
  return text.split(',').map((part) => {
    const [name, amqpPort, adminPort] = part.trim().split(':')
    if (!name || !/^\d+$/.test(amqpPort ?? '') || !/^\d+$/.test(adminPort ?? ''))
      throw new Error(`SERVICE_BUS_NAMESPACES is a list of name:amqpPort:adminPort with commas between; got '${part}'.`)
    return { name, amqpPort: Number(amqpPort), adminPort: Number(adminPort) }
  })
}

const { env } = process
const dataDir = env['SERVICE_BUS_DATA_DIR'] ?? '.freehold/service-bus'
const topics = env['SERVICE_BUS_MAX_TOPICS']
const rootKey = env['SERVICE_BUS_ROOT_KEY']
const wanted = namespaceOptions(env['SERVICE_BUS_NAMESPACES'] ?? 'local:5672:5300')
const bus = await startServiceBus({
  dataDir,
  namespaces: rootKey ? wanted.map((namespace) => ({ ...namespace, rootKey })) : wanted,
  ...(env['SERVICE_BUS_HOST'] ? { host: env['SERVICE_BUS_HOST'] } : {}),
  ...(topics ? { limits: { topics: Number(topics) } } : {}),
  log: (message) => console.error(message),
})
const connections = join(dataDir, 'connections.json')
writeFileSync(connections, `${JSON.stringify(bus.namespaces, undefined, 2)}\n`, { mode: 0o600 })
writeFileSync(join(dataDir, 'ca.pem'), bus.namespaces[0]?.ca ?? '')
const namespaces = bus.namespaces.map(({ name, amqpPort, adminPort }) => ({ name, amqpPort, adminPort }))
// Before the line that says so: who reads it may stop us at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    bus.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
console.log(JSON.stringify({ ready: true, connections, namespaces }))
