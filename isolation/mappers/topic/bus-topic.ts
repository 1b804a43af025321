import type { ServiceBusAdministrationClient } from '@azure/service-bus'
import type { ManageBus } from '../../../base/bus-administration.ts'
import { ifExists, ifMissing } from '../../../base/bus-errors.ts'
import { newBusKey } from '../../../crypto/tokens.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { BusAccess, Target } from '../../mapper.ts'
import { ensureSubscription, subscriptionsOf } from './subscriptions.ts'
import { readMark, subscriptionSettings, topicSettings, type Topic, type TopicMark } from './topic.ts'

type TopicTarget = Target<'topic'>

/** A topic that is the tenant's. */
export type OwnTopic = { readonly topic: Topic; readonly mark: TopicMark }

/** The bus of a target. Throws `configuration_invalid` for a placement without one. */
export function busOf({ spec, bus }: TopicTarget): BusAccess {
  if (bus !== undefined) return bus
  throw new FreeholdError('configuration_invalid', `${spec.name} is a topic, and its placement has no bus`)
}

/** The tenant's key of its topic; made when there is none. */
function keyOf({ spec, secrets }: TopicTarget): Promise<string> {
  return secrets.readOrCreate(spec.properties.keySecret, newBusKey)
}

/** One sentence on a topic under the tenant's name that is not the tenant's. */
export function strangeTopic(target: TopicTarget): string {
  return `topic "${target.spec.name}" exists on bus "${busOf(target).name}" and is not marked as this tenant's; it was left as it is`
}

/** The topic of one target on the bus: what the verbs of the mapper are made of. Calls end with the target's signal. */
export function busTopic(manage: ManageBus, target: TopicTarget) {
  const { name } = target.spec
  const on = <T>(work: (client: ServiceBusAdministrationClient) => Promise<T>) =>
    manage(busOf(target), work, target.signal)

  /** Whatever has the name; undefined when there is nothing. */
  const find = (): Promise<Topic | undefined> => on((client) => client.getTopic(name).catch(ifMissing(undefined)))

  /** The tenant's topic with its mark; undefined when there is none. Throws `resource_not_owned` for that of another. */
  async function findOwn(): Promise<OwnTopic | undefined> {
    const topic = await find()
    if (topic === undefined) return undefined
    const mark = readMark(topic, target.spec.placement)
    if (mark?.owner === target.tenantId) return { topic, mark }
    throw new FreeholdError('resource_not_owned', `${strangeTopic(target)}. Remove it, then retry`)
  }

  /** Makes the topic with this mark and its subscriptions; false when another run was faster. */
  async function make(mark: TopicMark): Promise<boolean> {
    const settings = topicSettings(mark, await keyOf(target))
    const made = await on((client) => client.createTopic(name, settings).catch(ifExists(undefined)))
    if (made === undefined) return false
    await bringSubscriptions(mark, [])
    return true
  }

  /** Gives a topic that is there this mark, its key and its rules, without what is below it. */
  async function write({ topic }: OwnTopic, mark: TopicMark, status: 'Active' | 'Disabled' = 'Active'): Promise<void> {
    const settings = { ...topicSettings(mark, await keyOf(target)), status }
    await on((client) => client.updateTopic({ ...topic, ...settings }))
  }

  /** Makes the subscriptions as the mark says. `known` is what there is, where that is known. */
  async function bringSubscriptions(mark: TopicMark, known?: []): Promise<void> {
    const present = known ?? (await on((client) => subscriptionsOf(client, name)))
    await Promise.all(
      subscriptionSettings(mark).map((wanted) => on((client) => ensureSubscription(client, name, present, wanted))),
    )
  }

  return { on, find, findOwn, make, write, bringSubscriptions }
}
