import { errorText } from '../domain/errors.ts'
import { claimDeliveries, makeDeliveriesDue, undelivered, type PendingDelivery } from '../registry/deliveries.ts'
import { sqlOf } from '../registry/pool.ts'
import { deliver, type Shipment, type RelayDeps } from './deliver.ts'
import type { PublishFailure } from './publisher.ts'

/** One way out of the registry, which no other has to wait for: to the governance topic, or to the topics of one bus. */
export type Lane = {
  /** Bus of the topics; null for the governance topic. */
  readonly bus: string | null
  /** How many shipments may be on their way, and how many deliveries are in one. */
  readonly parallel: number
  readonly deliveries: number
  /** Makes shipments of what was claimed. */
  readonly toShipments: (pending: PendingDelivery[]) => Promise<Shipment[]>
  /** Whether a failure says that no other shipment of the lane has a chance. */
  readonly isBlocked: (failure: PublishFailure) => boolean
}

export type LaneOptions = {
  /** Id of the relay. */
  readonly relay: string
  /** How often to look for work, in milliseconds; down to once a second while there is none. */
  readonly pollMs: number
  /** After which time others may take over. */
  readonly leaseSeconds: number
  readonly signal: AbortSignal
}

const longestPollMs = 1_000
/** The share of its leases a shipment may use before it sends no more batches, so that the last one ends before they do. */
const sendForShare = 2 / 3
/** Events of a shipment: about what one batch holds. */
export const perShipment = 250
const firstPauseMs = 500
const longestPauseMs = 10_000
const throttledPauseMs = 2_000

/**
 * Delivers until the signal, then lets what is on its way end.
 *
 * | mode     | when                        | does                                                   | until                         |
 * |----------|-----------------------------|--------------------------------------------------------|-------------------------------|
 * | idle     | nothing was due             | looks every `pollMs`, less and less, down to every 1 s | something is due              |
 * | busy     | something was due           | takes what it has room for, sends it                   | nothing is due, or no room    |
 * | full     | `parallel` are on their way | waits                                                  | one of them has ended         |
 * | blocked  | the whole lane failed       | tries one, pauses 0.5 s, twice as long, … 10 s         | one arrives; all are due then |
 * | silent   | the registry did not answer | looks every 1 s                                        | it answers                    |
 * | stopping | the signal                  | takes nothing, begins no batch                         | what is on its way has ended  |
 *
 * A ring ends the waits of idle and silent, not the pause of blocked; the signal ends all of them. A bus that throttles is
 * left alone for 2 s at least. A delivery that fails by itself blocks nothing: it waits in the registry (`settleDeliveries`).
 */
export async function runLane(deps: RelayDeps, lane: Lane, options: LaneOptions): Promise<void> {
  const { orm, log } = deps
  const { relay, pollMs, leaseSeconds, signal } = options
  const underWay = new Set<Promise<void>>()
  const alarm = createAlarm(signal)
  let pollsIn = pollMs
  let failures = 0
  let pauseMs = 0

  while (!signal.aborted) {
    try {
      const found = await round()
      if (found === 'much') pollsIn = pollMs
      else if (found === 'little') {
        // More of the same operation follows soon, and is best taken together.
        await alarm.nap(pollMs)
        pollsIn = pollMs
      } else {
        await alarm.nap(pollsIn)
        pollsIn = Math.min(pollsIn * 1.5, longestPollMs)
      }
    } catch (error) {
      log.warn({ reason: errorText(error) }, 'relay: the registry does not answer')
      await alarm.nap(longestPollMs)
    }
  }
  await Promise.all(underWay)

  /** How much there was to do, of what it could take. */
  async function round(): Promise<'nothing' | 'little' | 'much'> {
    const isBlocked = failures > 0
    const free = (isBlocked ? 1 : lane.parallel) - underWay.size
    if (free <= 0) {
      await Promise.race(underWay)
      return 'much'
    }
    const limit = isBlocked ? 1 : free * lane.deliveries
    const claimed = await claimDeliveries(sqlOf(orm.pool), { relay, bus: lane.bus, limit, leaseSeconds })
    if (claimed.length === 0) return 'nothing'
    const until = performance.now() + leaseSeconds * 1_000 * sendForShare
    const limits = { perStream: perShipment, inAll: perShipment * free }
    for (const shipment of await lane.toShipments(await undelivered(sqlOf(orm.pool), claimed, limits))) {
      const work = send(shipment, until).finally(() => underWay.delete(work))
      underWay.add(work)
    }
    // The first tells whether the way is free again.
    if (isBlocked) await Promise.all(underWay)
    if (pauseMs > 0) await alarm.nap(pauseMs, 'deaf')
    pauseMs = 0
    return isBlocked || claimed.length === limit ? 'much' : 'little'
  }

  async function send(shipment: Shipment, until: number): Promise<void> {
    try {
      const mayGoOn = () => !signal.aborted && performance.now() < until
      const { more, failure } = await deliver(deps, relay, shipment, mayGoOn)
      if (failure === undefined) await unblock()
      else if (lane.isBlocked(failure)) block(failure)
      if (more) alarm.ring()
    } catch (error) {
      // The leases run out, and what was sent is sent again under the same ids.
      log.warn({ reason: errorText(error) }, 'relay: what became of a delivery could not be recorded')
    }
  }

  async function unblock(): Promise<void> {
    if (failures === 0) return
    failures = 0
    await makeDeliveriesDue(sqlOf(orm.pool), { bus: lane.bus })
    alarm.ring()
  }

  /** Several that were on their way together fail together; that counts as one failure, so the pause grows by one step. */
  function block({ code }: PublishFailure): void {
    if (pauseMs > 0) return
    pauseMs = Math.max(
      Math.min(firstPauseMs * 2 ** failures, longestPauseMs),
      code === 'throttled' ? throttledPauseMs : 0,
    )
    failures += 1
    alarm.ring()
  }
}

/** A sleep that ends early when `ring` is called, also when it was called just before; a `deaf` one ends early by the signal alone. */
function createAlarm(signal: AbortSignal) {
  let rung = false
  let wake = () => {}
  let end = () => {}
  signal.addEventListener('abort', () => end(), { once: true })
  return {
    ring() {
      rung = true
      wake()
    },
    async nap(milliseconds: number, hearing?: 'deaf'): Promise<void> {
      if (signal.aborted || (rung && hearing === undefined)) {
        rung = false
        return
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds)
        end = () => {
          clearTimeout(timer)
          resolve()
        }
        wake = hearing === undefined ? end : () => {}
      })
      rung = false
    },
  }
}
