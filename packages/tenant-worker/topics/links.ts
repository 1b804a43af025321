import {
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSender,
} from '@azure/service-bus'
import { CredentialError, failureOf, TopicError, type LinkFailureCode } from './errors.ts'
import { handle, type MessageFault, type TenantMessageHandler } from './inbox.ts'
import { platformSubscription, tenantProperty } from './messages.ts'
import { createLinkPool, type LinkPool } from './pool.ts'
import { createRotation, type Rotation } from './rotation.ts'
import type { TenantTopic } from './tenant-topics.ts'

/** What went wrong, for log and metrics; nothing of it ends the links. */
export type LinkFault =
  | MessageFault
  /** A topic is tried again later, and later each time. */
  | { readonly kind: 'unreachable'; readonly topic: TenantTopic; readonly code: LinkFailureCode }
  /** The topics known before are served on. */
  | { readonly kind: 'topics-unknown'; readonly error: unknown }

export type TenantLinksOptions = {
  /** Which topics there are; asked again and again, see `tenantTopics`. */
  readonly topics: () => Promise<readonly TenantTopic[]>
  /** The connection string of a bus, by its name; asked when a connection is made, and when the bus refuses the last one. */
  readonly connectionString: (bus: string) => Promise<string>
  readonly report?: (fault: LinkFault) => void
  /** Connections to one bus, for receiving and for sending each. */
  readonly clients?: number
  /** Open links of one connection. */
  readonly linksPerClient?: number
  /** How often `topics` is asked. */
  readonly refreshMs?: number
}

/** The platform's side of the tenants' topics. */
export type TenantLinks = {
  /** Begins to receive from all topics. One message of a topic at a time and in order, any number of topics at a time. */
  receive(handler: TenantMessageHandler): void
  /**
   * Sends to a tenant's topic in the name of that tenant. Throws `invalid_request` for a message that names another, and
   * `substrate_unavailable` when the bus does not take it.
   */
  send(topic: TenantTopic, messages: readonly ServiceBusMessage[]): Promise<void>
  /** Lets the handlers end what they have, and disconnects. */
  close(): Promise<void>
}

/** How long a topic is waited at: as long as others wait for its link, and when nobody does. */
const turnMs = 100
const longTurnMs = 10_000
/** What follows a first message is fetched in batches, and so many of them make a turn. */
const batch = { messages: 50, waitMs: 50, ofOneTurn: 10 }
const retryMs = (failures: number) => Math.min(60_000, 500 * 2 ** failures)

/**
 * Links to the topics of all tenants over few connections. Links are opened when they are used, shared, and closed when
 * others need their room; where there are more topics than links, topics take turns.
 */
export function openTenantLinks(options: TenantLinksOptions): TenantLinks {
  const { topics, connectionString, report = () => {}, clients = 4, linksPerClient = 250, refreshMs = 10_000 } = options
  const closing = new AbortController()
  const { signal: abortSignal } = closing
  const inboxes = new Map<string, { pool: LinkPool<ServiceBusReceiver>; rotation: Rotation<TenantTopic> }>()
  const senderPools = new Map<string, LinkPool<ServiceBusSender>>()
  let take: TenantMessageHandler | undefined
  let refreshing: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  const poolOf = <L extends { close(): Promise<void> }>(
    { bus }: TenantTopic,
    maxRetries: number,
    open: (client: ServiceBusClient, topic: string) => L,
  ) =>
    createLinkPool<ServiceBusClient, L>({
      clients,
      linksPerClient,
      open,
      credential: () =>
        connectionString(bus).catch((cause: unknown) => {
          throw new CredentialError(`bus "${bus}" has no connection string`, { cause })
        }),
      connect: (text) =>
        new ServiceBusClient(text, { retryOptions: { maxRetries, retryDelayInMs: 500, timeoutInMs: 15_000 } }),
    })

  function inboxOf(topic: TenantTopic) {
    const known = inboxes.get(topic.bus)
    if (known !== undefined) return known
    const pool = poolOf(topic, 0, (client, name) => client.createReceiver(name, platformSubscription))
    const turn = (one: TenantTopic, isCrowded: boolean) => serve(pool, one, isCrowded)
    const made = { pool, rotation: createRotation(clients * linksPerClient, turn, retryMs) }
    inboxes.set(topic.bus, made)
    return made
  }

  function sendersTo(topic: TenantTopic) {
    const pool = senderPools.get(topic.bus) ?? poolOf(topic, 2, (client, name) => client.createSender(name))
    senderPools.set(topic.bus, pool)
    return pool
  }

  /** One turn of a topic. Throws when it could not be had, which was reported. */
  async function serve(pool: LinkPool<ServiceBusReceiver>, topic: TenantTopic, isCrowded: boolean): Promise<void> {
    const first = { maxWaitTimeInMs: isCrowded ? turnMs : longTurnMs, abortSignal }
    const next = { maxWaitTimeInMs: batch.waitMs, abortSignal }
    try {
      await guarded(pool, topic, async (receiver) => {
        let messages = await receiver.receiveMessages(1, first)
        for (let count = 0; messages.length > 0; count += 1) {
          await handleAll(receiver, topic, messages)
          if (count === batch.ofOneTurn || closing.signal.aborted) return
          messages = await receiver.receiveMessages(batch.messages, next)
        }
      })
    } catch (error) {
      if (!closing.signal.aborted) report({ kind: 'unreachable', topic, code: failureOf(error, topic).code })
      throw error
    }
  }

  /** One after the other, in order; the bus' answers are waited for together. Throws what settling throws. */
  async function handleAll(
    receiver: ServiceBusReceiver,
    topic: TenantTopic,
    messages: readonly ServiceBusReceivedMessage[],
  ): Promise<void> {
    if (take === undefined) return
    const settlements: Promise<void>[] = []
    for (const message of messages) {
      const { fault, settled } = await handle(receiver, topic, message, take)
      const told = settled.then(() => fault && report(fault))
      told.catch(() => {}) // It is looked at below, when all have been handled.
      settlements.push(told)
    }
    await Promise.all(settlements)
  }

  /** Uses a link; when the bus refuses its credential, a new one is looked for. */
  async function guarded<L, T>(pool: LinkPool<L>, topic: TenantTopic, work: (link: L) => Promise<T>): Promise<T> {
    return pool.use(topic.topic, async (link) => {
      try {
        return await work(link)
      } catch (error) {
        if (failureOf(error, topic).code === 'unauthorized') await pool.renew(topic.topic)
        throw error
      }
    })
  }

  async function refresh(): Promise<void> {
    try {
      const all = Map.groupBy(await topics(), ({ bus }) => bus)
      for (const [bus, { rotation }] of inboxes) if (!all.has(bus)) rotation.set(new Map())
      if (closing.signal.aborted) return
      for (const [, ofBus] of all) {
        const [one] = ofBus
        if (one !== undefined) inboxOf(one).rotation.set(new Map(ofBus.map((topic) => [topic.topic, topic])))
      }
    } catch (error) {
      report({ kind: 'topics-unknown', error })
    }
    if (!closing.signal.aborted) timer = setTimeout(again, refreshMs)
  }

  function again(): void {
    refreshing = refresh()
  }

  return {
    receive(handler) {
      if (take !== undefined) throw new Error('the tenant links have a handler already')
      take = handler
      again()
    },

    async send(topic, messages) {
      const named = messages.map((message) => inTheNameOf(topic, message))
      try {
        await guarded(sendersTo(topic), topic, (sender) => sendAll(sender, named))
      } catch (error) {
        if (error instanceof TopicError) throw error
        throw new TopicError('substrate_unavailable', failureOf(error, topic).message)
      }
    },

    async close() {
      closing.abort()
      await refreshing
      clearTimeout(timer)
      await Promise.all([...inboxes.values()].map(({ rotation }) => rotation.close()))
      const pools = [...senderPools.values(), ...[...inboxes.values()].map(({ pool }) => pool)]
      await Promise.all(pools.map((pool) => pool.close()))
    },
  }
}

function inTheNameOf({ tenantId }: TenantTopic, message: ServiceBusMessage): ServiceBusMessage {
  const said = message.applicationProperties?.[tenantProperty]
  if (said !== undefined && said !== tenantId)
    throw new TopicError('invalid_request', `a message for tenant ${tenantId} names another in ${tenantProperty}`)
  return { ...message, applicationProperties: { ...message.applicationProperties, [tenantProperty]: tenantId } }
}

async function sendAll(sender: ServiceBusSender, messages: readonly ServiceBusMessage[]): Promise<void> {
  let next = await sender.createMessageBatch()
  for (const message of messages) {
    if (next.tryAddMessage(message)) continue
    if (next.count > 0) await sender.sendMessages(next)
    next = await sender.createMessageBatch()
    if (!next.tryAddMessage(message))
      throw new TopicError('body_too_large', `message ${String(message.messageId ?? '')} is larger than a topic takes`)
  }
  if (next.count > 0) await sender.sendMessages(next)
}
