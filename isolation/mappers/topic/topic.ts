import type { CreateTopicOptions, CreateSubscriptionOptions, TopicProperties, WithResponse } from '@azure/service-bus'
import { z } from 'zod'
import { tenantKeyName } from '../../../domain/names.ts'
import type { ResourceSpec } from '../../../domain/resources.ts'
import type { Target } from '../../mapper.ts'
import { ownerTag } from '../owner-tag.ts'

export type Topic = WithResponse<TopicProperties>

const propertiesSchema = z.object({ subscription: z.string(), keySecret: z.string() })

/** What the strategy says of a topic. */
export function topicProperties(spec: ResourceSpec) {
  return propertiesSchema.parse(spec.properties)
}

const metadataSchema = z.object({ freehold: z.string(), epoch: z.number().default(0) })

/** The owner tag of a topic, with the epoch of whoever changed it last. */
export function metadataOf(tenantId: string, epoch: number): string {
  return JSON.stringify({ ...JSON.parse(ownerTag(tenantId)), epoch })
}

/** Whose a topic says it is; no owner for one without our tag. */
export function readMetadata({ userMetadata }: Pick<Topic, 'userMetadata'>): {
  owner: string | undefined
  epoch: number
} {
  try {
    const { freehold, epoch } = metadataSchema.parse(JSON.parse(userMetadata ?? ''))
    return { owner: freehold, epoch }
  } catch {
    return { owner: undefined, epoch: 0 }
  }
}

/** `all` is the tenant's own, `governance` the platform's; what nobody fetches there goes after a while. */
export const subscriptions: readonly { name: string; settings: CreateSubscriptionOptions }[] = [
  { name: 'all', settings: { maxDeliveryCount: 10, lockDuration: 'PT1M' } },
  { name: 'governance', settings: { maxDeliveryCount: 10, lockDuration: 'PT1M', defaultMessageTimeToLive: 'P14D' } },
]

/** How long the bus remembers message ids: longer than a relay that was cut off takes to come back. */
const duplicateWindow = 'PT1H'

/** A topic as it shall be. The rules are sent with every update: the service takes away what is left out. */
export function topicSettings(target: Target, key: string, epoch: number) {
  return {
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: duplicateWindow,
    userMetadata: metadataOf(target.tenantId, epoch),
    authorizationRules: [
      {
        claimType: 'SharedAccessKey',
        keyName: tenantKeyName,
        primaryKey: key,
        secondaryKey: key,
        accessRights: ['Send', 'Listen'],
      },
    ],
  } satisfies CreateTopicOptions
}
