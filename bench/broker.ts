import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../local/ports.ts'
import { startServiceBus } from '../local/service-bus/server.ts'
import type { RunningNamespace } from '../packages/service-bus-broker/broker.ts'

/** Runs the broker in a process of its own with its state in a temporary directory; `stop` ends it and removes that. */
export async function startBroker(): Promise<{ namespace: RunningNamespace; stop: () => Promise<void> }> {
  const stateDir = await mkdtemp(join(tmpdir(), 'freehold-bench-'))
  const [amqpPort = 0, adminPort = 0] = await freePorts(2)
  const log = (line: string) => console.error(`bench: ${line}`)
  const { namespace, stop } = await startServiceBus({ stateDir, amqpPort, adminPort, log })
  return {
    namespace,
    async stop() {
      await stop()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
