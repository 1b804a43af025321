import type { ServiceBusAdministrationClient } from '@azure/service-bus'
import { newBusKey } from '../../../crypto/tokens.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { platformSubscription } from '../../../domain/tenant-messages.ts'
import type { ManageBus } from '../../../base/bus-administration.ts'
import { ifExists, ifMissing } from '../../../base/bus-errors.ts'
import type { BusAccess, Mapper, Target } from '../../mapper.ts'
import { endReceivers, ensureSubscription, subscriptionsOf } from './subscriptions.ts'
import { isClosed, readMark, subscriptionSettings, topicProperties, topicSettings } from './topic.ts'
import type { Mark, Topic } from './topic.ts'

/**
 * Mapper of kind `topic`: a topic of the tenant's own with a key for it alone.
 *
 * Frozen means that the tenant receives nothing: its subscription is closed, which ends open links, and its key keeps only
 * the right to send. Everybody may still send, and what is sent waits. The platform, which has a key of the namespace,
 * goes on reading its own subscription. The mark of the topic says that it is frozen, so that `ensure` keeps it so.
 */
export function createTopicMapper(manage: ManageBus): Mapper {
  const on = <T>(target: Target, work: (client: ServiceBusAdministrationClient) => Promise<T>) =>
    manage(busOf(target), work)

  const find = (target: Target): Promise<Topic | undefined> =>
    on(target, (client) => client.getTopic(target.spec.name).catch(ifMissing(undefined)))

  /** The tenant's topic with its mark; undefined when there is none. Throws `resource_not_owned` for that of another. */
  async function findOwn(target: Target): Promise<{ topic: Topic; mark: Mark } | undefined> {
    const topic = await find(target)
    if (topic === undefined) return undefined
    const mark = readMark(topic)
    if (mark?.owner === target.tenantId) return { topic, mark }
    throw new FreeholdError(
      'resource_not_owned',
      `topic "${topic.name}" exists on bus "${busOf(target).name}" and is not marked as this tenant's; it was left as it is. Remove it, then retry`,
    )
  }

  async function ensure(target: Target) {
    const { name } = target.spec
    const fresh: Mark = { owner: target.tenantId, epoch: target.epoch, frozen: false }
    const settings = topicSettings(fresh, await keyOf(target))
    const before = await findOwn(target)
    const isMade =
      before === undefined &&
      (await on(target, (client) => client.createTopic(name, settings).catch(ifExists(undefined)))) !== undefined
    // Another run may have been faster; its topic is brought to what it shall be, as any that was there.
    const present = isMade ? undefined : (before ?? (await findOwn(target)))
    if (present === undefined) await bringSubscriptions(target, fresh, [])
    else {
      await write(target, present.topic, present.mark)
      await bringSubscriptions(target, present.mark)
    }
    return { topic: name, subscription: topicProperties(target.spec).subscription }
  }

  /** Makes a topic that is there as its mark says, without what is below it. */
  async function write(target: Target, topic: Topic, mark: Mark): Promise<void> {
    const settings = topicSettings(mark, await keyOf(target))
    await on(target, (client) => client.updateTopic({ ...topic, ...settings }))
  }

  async function bringSubscriptions(target: Target, mark: Mark, known?: []): Promise<void> {
    const { name } = target.spec
    const present = known ?? (await on(target, (client) => subscriptionsOf(client, name)))
    await Promise.all(
      subscriptionSettings(mark).map((wanted) =>
        on(target, (client) => ensureSubscription(client, name, present, wanted)),
      ),
    )
  }

  /** Gives the topic a mark of the target's epoch. Throws `operation_superseded` when it has one of a later epoch. */
  async function remark(target: Target, { topic, mark }: { topic: Topic; mark: Mark }, frozen: boolean): Promise<Mark> {
    const { epoch, tenantId: owner } = target
    if (mark.epoch > epoch)
      throw new FreeholdError(
        'operation_superseded',
        `topic "${topic.name}" was changed by epoch ${mark.epoch}, and this is epoch ${epoch}; nothing was done`,
      )
    await write(target, topic, { owner, epoch, frozen })
    return { owner, epoch, frozen }
  }

  return {
    kind: 'topic',

    async observe(target) {
      const topic = await find(target)
      if (topic === undefined) return { exists: false }
      const mark = readMark(topic)
      const subscriptions = await on(target, (client) => subscriptionsOf(client, topic.name))
      const { sizeInBytes = 0 } = await on(target, (client) => client.getTopicRuntimeProperties(topic.name))
      const frozen = isClosed(topic, subscriptions)
      const facts = { epoch: mark?.epoch ?? 0, subscriptions: subscriptions.length, bytes: sizeInBytes }
      return { exists: true, owner: mark?.owner, frozen, facts }
    },

    ensure,

    async freeze(target) {
      const present = await findOwn(target)
      if (present === undefined) return
      const mark = await remark(target, present, true)
      // The tenant's key could listen there too. Its links end and it opens no new ones; those of the platform come back.
      await on(target, (client) => endReceivers(client, target.spec.name, platformSubscription))
      await bringSubscriptions(target, mark)
    },

    async thaw(target) {
      const present = await findOwn(target)
      if (present === undefined)
        throw new FreeholdError('not_found', `topic "${target.spec.name}" does not exist, so it cannot be opened`)
      await bringSubscriptions(target, await remark(target, present, false))
    },

    async remove(target) {
      const topic = await find(target)
      if (topic === undefined) return 'absent'
      if (readMark(topic)?.owner !== target.tenantId) return 'not-owned'
      await on(target, (client) => client.deleteTopic(topic.name).catch(ifMissing(undefined)))
      return 'removed'
    },

    async rotate(target: Target) {
      await target.secrets.replace(topicProperties(target.spec).keySecret, newBusKey())
      await ensure(target)
    },

    async close() {},
  }
}

/** The tenant's key of its topic; made when there is none. */
function keyOf({ spec, secrets }: Target): Promise<string> {
  return secrets.readOrCreate(topicProperties(spec).keySecret, newBusKey)
}

function busOf(target: Target): BusAccess {
  if (target.bus !== undefined) return target.bus
  throw new FreeholdError('configuration_invalid', `${target.spec.name} is a topic, and its placement has no bus`)
}
