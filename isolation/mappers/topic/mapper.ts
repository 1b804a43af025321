import type { ServiceBusAdministrationClient } from '@azure/service-bus'
import { FreeholdError } from '../../../domain/errors.ts'
import { newBusKey } from '../../../crypto/tokens.ts'
import {
  busStatus,
  createBusAdministration,
  type BusAdministrationOptions,
  isMissing,
} from '../../../platform/bus-administration.ts'
import type { BusAccess, Mapper, Target } from '../../mapper.ts'
import { metadataOf, readMetadata, subscriptions, topicProperties, topicSettings, type Topic } from './topic.ts'

/**
 * Mapper of kind `topic`: a topic of the tenant's own with a key for it alone. Frozen means that nobody receives;
 * what is sent meanwhile waits.
 */
export function createTopicMapper(options: BusAdministrationOptions = {}): Mapper {
  const manage = createBusAdministration(options)
  const on = <T>(target: Target, work: (client: ServiceBusAdministrationClient) => Promise<T>) =>
    manage(busOf(target), work)

  const find = (target: Target): Promise<Topic | undefined> =>
    on(target, (client) => client.getTopic(target.spec.name)).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })

  async function found(target: Target): Promise<{ topic: Topic; epoch: number } | undefined> {
    const topic = await find(target)
    if (topic === undefined) return undefined
    const { owner, epoch } = readMetadata(topic)
    if (owner === target.tenantId) return { topic, epoch }
    throw new FreeholdError(
      'resource_not_owned',
      `topic "${topic.name}" exists on bus "${busOf(target).name}" and is not marked as this tenant's; it was left as it is. Remove it, then retry`,
    )
  }

  async function ensure(target: Target) {
    const { keySecret, subscription } = topicProperties(target.spec)
    const key = await target.secrets.readOrCreate(keySecret, newBusKey)
    const { name } = target.spec
    const present = await found(target)
    const settings = topicSettings(target, key, present?.epoch ?? target.epoch)
    if (present === undefined) await create(target, settings)
    else await on(target, (client) => client.updateTopic({ ...present.topic, ...settings }))
    for (const one of subscriptions)
      await on(target, (client) => client.createSubscription(name, one.name, one.settings)).catch(ignoreConflict)
    return { topic: name, subscription }
  }

  /** Another run may be faster; then its topic is looked at as any that is there. */
  async function create(target: Target, settings: ReturnType<typeof topicSettings>): Promise<void> {
    const { name } = target.spec
    await on(target, (client) => client.createTopic(name, settings)).catch(async (error: unknown) => {
      if (busStatus(error) !== 409) throw error
      await found(target)
    })
  }

  async function setReceivable(target: Target, receivable: boolean): Promise<void> {
    const present = await found(target)
    if (present === undefined) {
      if (!receivable) return
      throw new FreeholdError('not_found', `topic "${target.spec.name}" does not exist, so it cannot be opened`)
    }
    if (present.epoch > target.epoch)
      throw new FreeholdError(
        'operation_superseded',
        `topic "${target.spec.name}" was changed by a later operation than epoch ${target.epoch}; nothing was done`,
      )
    await on(target, (client) =>
      client.updateTopic({ ...present.topic, userMetadata: metadataOf(target.tenantId, target.epoch) }),
    )
    for (const { name } of subscriptions)
      await on(target, async (client) => {
        const subscription = await client.getSubscription(target.spec.name, name)
        await client.updateSubscription({ ...subscription, status: receivable ? 'Active' : 'ReceiveDisabled' })
      })
  }

  return {
    kind: 'topic',

    async observe(target) {
      const topic = await find(target)
      if (topic === undefined) return { exists: false }
      const { owner, epoch } = readMetadata(topic)
      const states = await on(target, async (client) => {
        const all = []
        for await (const { status } of client.listSubscriptions(topic.name)) all.push(status)
        return all
      })
      const { sizeInBytes } = await on(target, (client) => client.getTopicRuntimeProperties(topic.name))
      const frozen = states.length > 0 && states.every((status) => status === 'ReceiveDisabled')
      return { exists: true, owner, frozen, facts: { epoch, subscriptions: states.length, bytes: sizeInBytes ?? 0 } }
    },

    ensure,
    freeze: (target) => setReceivable(target, false),
    thaw: (target) => setReceivable(target, true),

    async remove(target) {
      const topic = await find(target)
      if (topic === undefined) return 'absent'
      if (readMetadata(topic).owner !== target.tenantId) return 'not-owned'
      await on(target, (client) => client.deleteTopic(topic.name)).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
      return 'removed'
    },

    renew: (target) => target.secrets.replace(topicProperties(target.spec).keySecret, newBusKey()),

    async close() {},
  }
}

function busOf(target: Target): BusAccess {
  if (target.bus !== undefined) return target.bus
  throw new FreeholdError('configuration_invalid', `${target.spec.name} is a topic, and its placement has no bus`)
}

function ignoreConflict(error: unknown): void {
  if (busStatus(error) !== 409) throw error
}
