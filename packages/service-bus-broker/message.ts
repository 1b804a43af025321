/** A message as the broker keeps it; times in milliseconds since 1970. Shared by all subscriptions it was copied to. */
export type Message = {
  /** Encoded properties, application properties and body. */
  readonly content: Buffer
  readonly messageId: string
  readonly sessionId?: string
  readonly timeToLive?: number
  readonly scheduledFor?: number
  readonly annotations: Readonly<Record<string, unknown>>
  readonly enqueuedAt: number
  readonly expiresAt: number
  readonly enqueuedSequence?: number
  readonly deadLetterSource?: string
}

/** A message's place in one queue. `deliveryCount` counts the deliveries that did not end in completion. */
export type Entry = {
  readonly sequence: number
  message: Message
  state: 'active' | 'deferred' | 'scheduled'
  deliveryCount: number
}

/** Why a message went to the dead letters, as the service names it. */
export type DeadLetter = {
  reason?: string | undefined
  description?: string | undefined
  properties?: Record<string, unknown>
}

/** How a receiver ends a delivery; `properties` are application properties to add or replace. */
export type Outcome =
  | { kind: 'complete' }
  | { kind: 'abandon' | 'defer'; properties?: Record<string, unknown> }
  | { kind: 'deadLetter'; letter: DeadLetter }

/** A lock on a message: `token` in RFC order of hexadecimal digits. In a session the session's lock holds, not `until`. */
export type Lock = { token: string; entry: Entry; until: number }
