import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorText } from '../domain/errors.ts'
import type { Signer } from '../crypto/signing.ts'
import { busNames, makeDeliveriesDue, type ClaimedDelivery, type PendingDelivery } from '../registry/deliveries.ts'
import { sqlOf } from '../registry/pool.ts'
import type { RelayDeps } from './deliver.ts'
import { envelopes } from './envelope.ts'
import type { GovernanceTopic } from './governance-topic.ts'
import { perShipment, runLane, type Lane } from './lane.ts'
import { concernsBus, type Address, type PublishFailure } from './publisher.ts'

const parallelGovernance = 4
const streamsPerShipment = 50
const parallelTopics = 16
const lookForBusesMs = 5_000

/**
 * Carries events out of the registry: each to the topics of its tenant and to the governance topic, in the order of its
 * stream, at least once. Any number of relays may run; each destination of a stream is one relay's at a time. Without a
 * governance topic its deliveries are left as they are.
 * @param options how often to look for work in milliseconds, and for how long destinations are taken
 * @returns `stop`, which lets what is on its way end and gives the leases back
 */
export function startRelay(
  {
    governance,
    signer,
    ...others
  }: Omit<RelayDeps, 'envelope'> & { readonly signer: Signer; readonly governance: GovernanceTopic | undefined },
  { pollMs = 200, leaseSeconds = 30 }: { pollMs?: number; leaseSeconds?: number } = {},
): { stop(): Promise<void> } {
  const deps = { ...others, envelope: envelopes(signer) }
  const { orm, log } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  const relay = randomUUID()
  const lanes = new Map<string | null, Promise<void>>()
  const open = (lane: Lane) => {
    if (!lanes.has(lane.bus)) lanes.set(lane.bus, runLane(deps, lane, { relay, pollMs, leaseSeconds, signal }))
  }
  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
      await Promise.all(lanes.values())
    },
  }

  async function run(): Promise<void> {
    // Whoever starts a worker may just have mended what failed.
    await makeDeliveriesDue(sqlOf(orm.pool)).catch(unanswered)
    if (governance !== undefined) {
      void governance.prepare()
      open(governanceLane(governance))
    }
    while (!signal.aborted) {
      const buses = await busNames(sqlOf(orm.pool)).catch(unanswered)
      for (const bus of buses ?? []) open(topicLane(bus))
      await sleep(lookForBusesMs, undefined, { signal }).catch(() => undefined)
    }
  }

  function unanswered(error: unknown): undefined {
    log.warn({ reason: errorText(error) }, 'relay: the registry does not answer')
  }
}

/**
 * Events of many streams go in one batch, and several at once, each with streams of its own. When the one topic fails, it
 * fails for all of them.
 */
function governanceLane(governance: GovernanceTopic): Lane {
  return {
    bus: null,
    parallel: parallelGovernance,
    deliveries: streamsPerShipment,
    async toShipments(pending) {
      const address = (await governance.prepare()) ?? governance.address
      return packed(pending).map((parts) => ({ kind: 'governance', address, parts }))
    },
    isBlocked: ({ code }) => code !== 'message_too_large',
  }
}

/** Puts together what makes up a batch, keeping the order. */
function packed(pending: readonly PendingDelivery[]): PendingDelivery[][] {
  const packs: PendingDelivery[][] = []
  let room = 0
  for (const one of pending) {
    if (one.events.length > room || packs.length === 0) {
      packs.push([])
      room = perShipment
    }
    packs.at(-1)?.push(one)
    room -= one.events.length
  }
  return packs
}

function topicLane(bus: string): Lane {
  return {
    bus,
    parallel: parallelTopics,
    deliveries: 1,
    toShipments: async (parts) =>
      parts.map((part) => ({ kind: 'topic', address: addressOf(bus, part.delivery), parts: [part] })),
    isBlocked: concernsBus,
  }
}

function addressOf(bus: string, { destination, topic, credential }: ClaimedDelivery): Address | PublishFailure {
  if (topic !== null && credential !== null) return { bus, credential, topic }
  return { code: 'topic_missing', message: `the ledger holds no topic for ${destination}` }
}
