import { FreeholdError } from '../domain/errors.ts'
import { ownerTag, readOwnerTag } from '../domain/owner-tag.ts'
import type { Platform } from '../domain/platform.ts'
import { duplicateWindow } from '../domain/tenant-messages.ts'
import { managedBus, type ManagedBus, type ManageBus } from '../base/bus-administration.ts'
import { ifExists, ifMissing } from '../base/bus-errors.ts'
import { within } from '../base/deadline.ts'
import type { ResolveSecret } from '../base/secret-reference.ts'
import type { Address, PublishFailure } from './publisher.ts'

/** The governance topic: where it is, and how it is made when it is missing. */
export type GovernanceTopic = {
  readonly address: Address
  /** Makes the topic once in the life of this process; gives why it could not, to be tried again. */
  prepare(): Promise<PublishFailure | undefined>
}

const answerWithinMs = 5_000
const owner = 'platform'
const metadata = ownerTag(owner)

/**
 * The governance topic of the platform file; undefined where there is none. It is made, with the subscription `all`,
 * before the first event goes there. It is not made again while this process lives: who deletes it deletes its
 * subscriptions, and a topic without them would swallow events.
 */
export function governanceTopicOf(
  platform: Pick<Platform, 'governance' | 'buses'>,
  { manage, resolveSecret }: { manage: ManageBus; resolveSecret: ResolveSecret },
): GovernanceTopic | undefined {
  const { governance, buses } = platform
  const declaration = buses.find(({ name }) => name === governance?.bus)
  if (governance === undefined || declaration === undefined) return undefined
  const { topic } = governance
  const address = { bus: declaration.name, credential: declaration.credential, topic }
  let preparing: Promise<PublishFailure | undefined> | undefined

  const make = async (): Promise<PublishFailure | undefined> => {
    try {
      await within(
        answerWithinMs,
        managedBus(declaration, resolveSecret).then((bus) => makeTopic(bus, topic, manage)),
      )
      return undefined
    } catch (error) {
      return failureOf(error, address)
    }
  }

  return {
    address,
    async prepare() {
      preparing ??= make()
      const failure = await preparing
      if (failure !== undefined) preparing = undefined
      return failure
    },
  }
}

/** Throws `resource_not_owned` for a topic of that name that is somebody else's. */
async function makeTopic(bus: ManagedBus, topic: string, manage: ManageBus): Promise<void> {
  const present = await manage(bus, (client) => client.getTopic(topic)).catch(ifMissing(undefined))
  if (present !== undefined && readOwnerTag(present.userMetadata ?? null) !== owner)
    throw new FreeholdError(
      'resource_not_owned',
      `topic "${topic}" exists on bus "${bus.name}" and is not marked as the platform's. Give it the user metadata ${metadata}, or name another topic in the platform file`,
    )
  const settings = {
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: duplicateWindow,
    userMetadata: metadata,
  }
  // Another worker may be faster.
  if (present === undefined)
    await manage(bus, (client) => client.createTopic(topic, settings).then(ignore, ifExists(undefined)))
  await manage(bus, (client) =>
    client.createSubscription(topic, 'all', { lockDuration: 'PT1M' }).then(ignore, ifExists(undefined)),
  )
}

function ignore(): undefined {
  return undefined
}

function failureOf(error: unknown, { bus, topic }: Address): PublishFailure {
  if (!(error instanceof FreeholdError))
    return { code: 'unreachable', message: `the management side of bus "${bus}" did not make topic "${topic}"` }
  const codes: Partial<Record<FreeholdError['code'], PublishFailure['code']>> = {
    resource_not_owned: 'not_owned',
    configuration_invalid: 'not_configured',
    substrate_unavailable: 'unreachable',
  }
  return { code: codes[error.code] ?? 'refused', message: error.message }
}
