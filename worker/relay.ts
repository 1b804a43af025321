import type { ActivityDeps } from '../activities/deps.ts'
import type { Signer } from '../crypto/signing.ts'
import { governanceTopicOf } from '../events/governance-topic.ts'
import { startRelay } from '../events/relay.ts'
import { createServiceBusPublisher } from '../events/service-bus-publisher.ts'
import type { ManageBus } from '../base/bus-administration.ts'
import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'

/** How long one batch may take; a bus that says nothing for so long is tried again later. */
const sendTimeoutMs = 5_000

/** What the relay needs of what the worker has. */
export type RelaySources = Pick<ActivityDeps, 'orm' | 'platform' | 'resolveSecret'> & {
  readonly signer: Signer
  readonly manageBus: ManageBus
}

/** Starts the relay on Service Bus. `stop` lets what is on its way end, gives the leases back and closes connections. */
export function startServiceBusRelay(
  { orm, platform, signer, resolveSecret, manageBus }: RelaySources,
  { log, metrics }: { log: Logger; metrics: WorkerMetrics },
): { stop(): Promise<void> } {
  const publisher = createServiceBusPublisher(resolveSecret, { sendTimeoutMs })
  const governance = governanceTopicOf(platform, { manage: manageBus, resolveSecret })
  const relay = startRelay({ orm, signer, publisher, governance, log, metrics })
  return {
    async stop() {
      await relay.stop()
      await publisher.close()
    },
  }
}
