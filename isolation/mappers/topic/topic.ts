import type { CreateTopicOptions, SubscriptionProperties, TopicProperties, WithResponse } from '@azure/service-bus'
import { z } from 'zod'
import { tenantKeyName } from '../../../domain/names.ts'
import type { ResourceSpec } from '../../../domain/resources.ts'
import { duplicateWindow, platformSubscription, tenantSubscription } from '../../../domain/tenant-messages.ts'
import { readOwnerTag } from '../../../domain/owner-tag.ts'

export type Topic = WithResponse<TopicProperties>

/** What a topic says of itself: whose it is, by which epoch it was opened or closed last, and which of the two. */
export type Mark = { readonly owner: string; readonly epoch: number; readonly frozen: boolean }

const propertiesSchema = z.object({ subscription: z.string(), keySecret: z.string() })
const markSchema = z.object({ freehold: z.string(), epoch: z.number().default(0), frozen: z.boolean().default(false) })

/** What the strategy says of a topic. */
export function topicProperties(spec: ResourceSpec) {
  return propertiesSchema.parse(spec.properties)
}

/** The mark of a topic: the owner tag and more. Undefined for one without our tag. */
export function readMark({ userMetadata }: Pick<Topic, 'userMetadata'>): Mark | undefined {
  const owner = readOwnerTag(userMetadata)
  if (owner === undefined) return undefined
  const { epoch, frozen } = markSchema
    .catch({ freehold: owner, epoch: 0, frozen: false })
    .parse(JSON.parse(userMetadata))
  return { owner, epoch, frozen }
}

/**
 * A topic as it shall be. It always takes messages in, so that what is said of a suspended tenant waits for it; what
 * closes is receiving. The rules are sent with every update: the service takes away what is left out.
 */
export function topicSettings({ owner, epoch, frozen }: Mark, key: string) {
  return {
    status: 'Active',
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: duplicateWindow,
    userMetadata: JSON.stringify({ freehold: owner, epoch, frozen }),
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
export function subscriptionSettings({ frozen }: Pick<Mark, 'frozen'>) {
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
