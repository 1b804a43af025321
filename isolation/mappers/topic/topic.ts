import type { CreateTopicOptions, SubscriptionProperties, TopicProperties, WithResponse } from '@azure/service-bus'
import { z } from 'zod'
import { tenantKeyName } from '../../../domain/names.ts'
import { readOwnerTag } from '../../../domain/owner-tag.ts'
import { duplicateWindow, platformSubscription, tenantSubscription } from '../../../domain/tenant-messages.ts'
import type { Mark } from '../../mark.ts'
import type { Target } from '../../mapper.ts'

export type Topic = WithResponse<TopicProperties>

/** What a topic says of itself: whose it is, who opened or closed it last, and which of the two. */
export type TopicMark = Mark & { readonly owner: string; readonly placement: number; readonly frozen: boolean }

/** Topics of earlier releases have neither a placement nor a fence. */
const markSchema = z.object({
  epoch: z.number().catch(0),
  fence: z.number().catch(0),
  frozen: z.boolean().catch(false),
})

/** The mark a target gives to a topic. */
export function markOf({ tenantId, spec, epoch, fence }: Target<'topic'>, frozen: boolean): TopicMark {
  return { owner: tenantId, placement: spec.placement, epoch, fence, frozen }
}

/** The mark of a topic: the owner tag and more. Undefined for one without a tag of ours, or with that of another placement. */
export function readMark({ userMetadata }: Pick<Topic, 'userMetadata'>, placement: number): TopicMark | undefined {
  const owner = readOwnerTag(userMetadata, placement)
  if (owner === undefined) return undefined
  return { owner, placement, ...markSchema.parse(JSON.parse(userMetadata)) }
}

/**
 * A topic as it shall be. It always takes messages in, so that what is said of a suspended tenant waits for it; what
 * closes is receiving. The rules are sent with every update: the service takes away what is left out.
 */
export function topicSettings({ owner, placement, epoch, fence, frozen }: TopicMark, key: string) {
  return {
    status: 'Active' as 'Active' | 'Disabled',
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: duplicateWindow,
    userMetadata: JSON.stringify({ freehold: owner, placement, epoch, fence, frozen }),
    authorizationRules: [
      {
        claimType: 'SharedAccessKey',
        keyName: tenantKeyName,
        primaryKey: key,
        secondaryKey: key,
        accessRights: frozen ? ['Send'] : ['Send', 'Listen'],
      },
    ],
  } satisfies CreateTopicOptions
}

/**
 * The subscriptions of a topic as they shall be. What nobody fetches from the platform's goes after a while. The platform
 * goes on reading the messages of a frozen tenant, whose key has no right left to listen there.
 */
export function subscriptionSettings({ frozen }: Pick<TopicMark, 'frozen'>) {
  const common = { maxDeliveryCount: 10, lockDuration: 'PT1M' }
  const status = frozen ? ('ReceiveDisabled' as const) : ('Active' as const)
  return [
    { name: tenantSubscription, settings: { ...common, status } },
    { name: platformSubscription, settings: { ...common, status: 'Active', defaultMessageTimeToLive: 'P14D' } },
  ] as const
}

/** Whether nobody with a key of the topic's own can receive. */
export function isClosed(
  { authorizationRules = [] }: Pick<Topic, 'authorizationRules'>,
  subscriptions: readonly Pick<SubscriptionProperties, 'subscriptionName' | 'status'>[],
): boolean {
  const own = subscriptions.find(({ subscriptionName }) => subscriptionName === tenantSubscription)
  return (
    (own?.status === 'ReceiveDisabled' || own?.status === 'Disabled') &&
    authorizationRules.every(({ accessRights = [] }) => !accessRights.includes('Listen'))
  )
}
