import { newBusKey } from '../../../crypto/tokens.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { platformSubscription } from '../../../domain/tenant-messages.ts'
import type { ManageBus } from '../../../base/bus-administration.ts'
import { ifMissing } from '../../../base/bus-errors.ts'
import { bounded } from '../../abort.ts'
import { refuseLate, refuseSuperseded } from '../../mark.ts'
import type { Mapper, Observation, Removal, Target } from '../../mapper.ts'
import { renewSecret } from '../../rotation.ts'
import { busTopic, strangeTopic } from './bus-topic.ts'
import { endReceivers, subscriptionsOf } from './subscriptions.ts'
import { isClosed, markOf, readMark } from './topic.ts'

type TopicTarget = Target<'topic'>

/**
 * How many calls of the management side it takes to make a topic that is not there: look, make it, and make and list its
 * two subscriptions. To repair one takes up to five times as many; a bus that is asked too much says so, which passes.
 */
export const topicCalls = 5

/**
 * Mapper of kind `topic`: a topic of the tenant's own with a key for it alone.
 *
 * Frozen means that the tenant receives nothing: its subscription is closed, which ends open links, and its key keeps only
 * the right to send. Everybody may still send, and what is sent waits. The platform, which has a key of the namespace,
 * goes on reading its own subscription. The mark of the topic says that it is frozen, so that `ensure` keeps it so.
 * A topic that was removed leaves no mark: what a late `ensure` makes then is found as a leftover.
 */
export function createTopicMapper(manage: ManageBus): Mapper<'topic'> {
  async function observe(target: TopicTarget): Promise<Observation> {
    const { on, find } = busTopic(manage, target)
    const topic = await find()
    if (topic === undefined) return { exists: false }
    const mark = readMark(topic, target.spec.placement)
    const subscriptions = await on((client) => subscriptionsOf(client, topic.name))
    const { sizeInBytes = 0 } = await on((client) => client.getTopicRuntimeProperties(topic.name))
    const frozen = isClosed(topic, subscriptions)
    const facts = { epoch: mark?.epoch ?? 0, subscriptions: subscriptions.length, bytes: sizeInBytes }
    return { exists: true, owner: mark?.owner, frozen, facts }
  }

  /** What is not there is born as the target says; what is there keeps its state. */
  async function ensure(target: TopicTarget) {
    const { findOwn, make, write, bringSubscriptions } = busTopic(manage, target)
    const facts = { topic: target.spec.name, subscription: target.spec.properties.subscription }
    const before = await findOwn()
    if (before === undefined && (await make(markOf(target, target.birth !== 'active')))) return facts
    // Another run may have been faster; its topic is brought to what it shall be, as any that was there.
    const present = before ?? (await findOwn())
    if (present === undefined)
      throw new FreeholdError(
        'substrate_unavailable',
        `topic "${facts.topic}" comes and goes; somebody else changes it`,
      )
    refuseLate(target, present.mark)
    const { frozen, epoch } = present.mark
    const mark = { ...markOf(target, frozen), epoch: Math.max(epoch, target.epoch) }
    await write(present, mark)
    await bringSubscriptions(mark)
    return facts
  }

  async function freeze(target: TopicTarget): Promise<void> {
    const { on, findOwn, make, write, bringSubscriptions } = busTopic(manage, target)
    const mark = markOf(target, true)
    const present = await findOwn()
    if (present === undefined && (await make(mark))) return
    const found = present ?? (await findOwn())
    if (found === undefined) return
    refuseSuperseded(target, found.mark)
    await write(found, mark)
    // The tenant's key could listen there too. Its links end and it opens no new ones; those of the platform come back.
    await on((client) => endReceivers(client, target.spec.name, platformSubscription))
    await bringSubscriptions(mark)
  }

  async function thaw(target: TopicTarget): Promise<void> {
    const { findOwn, write, bringSubscriptions } = busTopic(manage, target)
    const present = await findOwn()
    if (present === undefined)
      throw new FreeholdError('not_found', `topic "${target.spec.name}" does not exist, so it cannot be opened`)
    refuseSuperseded(target, present.mark)
    const mark = markOf(target, false)
    await write(present, mark)
    await bringSubscriptions(mark)
  }

  async function remove(target: TopicTarget): Promise<Removal> {
    const { on, find } = busTopic(manage, target)
    const topic = await find()
    if (topic === undefined) return { outcome: 'absent' }
    const mark = readMark(topic, target.spec.placement)
    if (mark?.owner !== target.tenantId) return { outcome: 'not-owned', what: strangeTopic(target) }
    refuseLate(target, mark)
    await on((client) => client.deleteTopic(topic.name).catch(ifMissing(undefined)))
    return { outcome: 'removed' }
  }

  /**
   * A link of whoever has the old key lives as long as its token. So the topic is closed to all for a moment, which ends
   * every link; those who have a key that counts come back. A topic that is gone is made anew.
   */
  async function rotate(target: TopicTarget, rotation: string): Promise<void> {
    const { findOwn, write, bringSubscriptions } = busTopic(manage, target)
    const present = await findOwn()
    if (present !== undefined) refuseLate(target, present.mark)
    await renewSecret(target.secrets, target.spec.properties.keySecret, rotation, newBusKey)
    if (present === undefined) return void (await ensure(target))
    const mark = { ...present.mark, fence: target.fence, placement: target.spec.placement }
    await write(present, mark, 'Disabled')
    await write(present, mark)
    await bringSubscriptions(mark)
  }

  return {
    kind: 'topic',
    observe: (target) => bounded(target, observe),
    ensure: (target) => bounded(target, ensure),
    freeze: (target) => bounded(target, freeze),
    thaw: (target) => bounded(target, thaw),
    remove: (target) => bounded(target, remove),
    rotate: (target, rotation) => bounded(target, (on) => rotate(on, rotation)),
    async close() {},
  }
}
