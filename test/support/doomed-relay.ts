import { createSigner } from '../../crypto/signing.ts'
import { governanceTopicOf } from '../../events/governance-topic.ts'
import type { Publisher } from '../../events/publisher.ts'
import { startRelay } from '../../events/relay.ts'
import { createServiceBusPublisher } from '../../events/service-bus-publisher.ts'
import { createBusAdministration } from '../../base/bus-administration.ts'
import { createLogger } from '../../base/logger.ts'
import { createMetricsRegistry, workerMetrics } from '../../base/metrics.ts'
import { openRegistry, servicesRole } from '../../registry/orm.ts'

/**
 * A relay of its own process that dies by SIGKILL when it is about to publish, or when it has published and the registry
 * does not know yet, as DOOMED_AT says; else it runs until it is killed, and prints a line whenever it has published.
 */
const variable = (name: string): string => process.env[name] ?? ''
const doom = variable('DOOMED_AT')
const secrets = JSON.parse(variable('RELAY_SECRETS'))
const resolveSecret = async (reference: string) => String(secrets[reference])
const inner = createServiceBusPublisher(resolveSecret, { sendTimeoutMs: 1_000 })
const publisher: Publisher = {
  ...inner,
  async publish(address, messages, mayGoOn) {
    if (doom === 'before-publish') process.kill(process.pid, 'SIGKILL')
    const published = await inner.publish(address, messages, mayGoOn)
    if (doom === 'after-publish') process.kill(process.pid, 'SIGKILL')
    console.log('published')
    return published
  },
}
startRelay(
  {
    orm: await openRegistry(variable('RELAY_DATABASE'), { role: servicesRole, connections: 10 }),
    signer: createSigner(Buffer.from(variable('RELAY_KEY'), 'base64')),
    publisher,
    governance: governanceTopicOf(JSON.parse(variable('RELAY_PLATFORM')), {
      manage: createBusAdministration({ certificateAuthority: variable('RELAY_CA') }),
      resolveSecret,
    }),
    log: createLogger({ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' }),
    metrics: workerMetrics(createMetricsRegistry()),
  },
  { pollMs: 20, leaseSeconds: Number(variable('RELAY_LEASE_SECONDS')) },
)
