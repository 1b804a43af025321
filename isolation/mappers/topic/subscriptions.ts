import type { RuleProperties, ServiceBusAdministrationClient, SubscriptionProperties } from '@azure/service-bus'
import { FreeholdError } from '../../../domain/errors.ts'
import { ifExists, ifMissing } from '../../../base/bus-errors.ts'

type Wanted = {
  readonly name: string
  readonly settings: Partial<
    Pick<SubscriptionProperties, 'status' | 'maxDeliveryCount' | 'lockDuration' | 'defaultMessageTimeToLive'>
  >
}

const everything = '$Default'

/** The subscriptions of a topic, in the order of their names. */
export async function subscriptionsOf(client: ServiceBusAdministrationClient, topic: string) {
  const found: SubscriptionProperties[] = []
  for await (const subscription of client.listSubscriptions(topic)) found.push(subscription)
  return found
}

/**
 * Makes a subscription be there as it shall be, with every message of its topic. Changes nothing where it is so already.
 * @param present what the topic has; one that is made meanwhile was made like this
 */
export async function ensureSubscription(
  client: ServiceBusAdministrationClient,
  topic: string,
  present: readonly SubscriptionProperties[],
  { name, settings }: Wanted,
): Promise<void> {
  const found = present.find(({ subscriptionName }) => subscriptionName === name)
  if (found === undefined) {
    await client.createSubscription(topic, name, settings).catch(ifExists(undefined))
    return
  }
  // A forward set by hand takes messages away from who shall have them, and is cleared by leaving it out.
  const { forwardTo, forwardDeadLetteredMessagesTo, ...kept } = found
  const isForwarded = forwardTo !== undefined || forwardDeadLetteredMessagesTo !== undefined
  const differs = Object.entries(settings).some(([key, value]) => kept[key as keyof typeof settings] !== value)
  if (isForwarded || differs)
    await client.updateSubscription({ ...kept, ...settings } as Parameters<typeof client.updateSubscription>[0])
  await ensureRules(client, topic, name)
}

/** How many rules of others one run takes away; the next goes on. */
const maximumRepairs = 5

/**
 * One rule, that lets everything in: whoever has a key that listens may have changed it. Throws `substrate_unavailable` when
 * there are more rules than one run takes away.
 */
async function ensureRules(client: ServiceBusAdministrationClient, topic: string, subscription: string): Promise<void> {
  const rules: RuleProperties[] = []
  for await (const rule of client.listRules(topic, subscription)) rules.push(rule)
  if (!rules.some(letsAllIn)) {
    await client.deleteRule(topic, subscription, everything).catch(ifMissing(undefined))
    await client.createRule(topic, subscription, everything, { sqlExpression: '1=1' })
  }
  const strange = rules.filter((rule) => rule.name !== everything)
  for (const { name } of strange.slice(0, maximumRepairs))
    await client.deleteRule(topic, subscription, name).catch(ifMissing(undefined))
  if (strange.length > maximumRepairs)
    throw new FreeholdError(
      'substrate_unavailable',
      `subscription "${subscription}" of topic "${topic}" has ${strange.length - maximumRepairs} rules more that somebody added; the next try goes on`,
    )
}

function letsAllIn({ name, filter, action }: RuleProperties): boolean {
  return name === everything && !action.sqlExpression && 'sqlExpression' in filter && filter.sqlExpression === '1=1'
}

/** Ends the links of everybody who receives from a subscription, by closing it; the caller opens it again. */
export async function endReceivers(client: ServiceBusAdministrationClient, topic: string, name: string): Promise<void> {
  const present = await client.getSubscription(topic, name).catch(ifMissing(undefined))
  if (present?.status === 'Active') await client.updateSubscription({ ...present, status: 'ReceiveDisabled' })
}
