import type { JsonObject } from '../domain/json.ts'

/** A topic of a bus. */
export type Address = {
  readonly bus: string
  /** Reference to the credential of the bus, resolved when it is used. */
  readonly credential: string
  readonly topic: string
}

/** One message; the bus drops another of the same id within its window. */
export type Message = {
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly body: JsonObject
  /** For the filters of subscriptions. */
  readonly properties: Readonly<Record<string, string | number>>
}

export const publishFailures = [
  'topic_missing',
  'topic_disabled',
  'unauthorized',
  'throttled',
  'unreachable',
  'timeout',
  'quota_exceeded',
  'message_too_large',
  'not_configured',
  'not_owned',
  'refused',
] as const

/** Why messages could not be published. The message is for operators and holds no secret. */
export type PublishFailure = {
  readonly code: (typeof publishFailures)[number]
  readonly message: string
}

/** Failures of the bus itself rather than of one of its topics. */
export function concernsBus({ code }: PublishFailure): boolean {
  return ['unauthorized', 'throttled', 'unreachable', 'not_configured'].includes(code)
}

/** How many messages the bus has for certain, and why no more. */
export type Published = { readonly sent: number; readonly failure?: PublishFailure }

/**
 * How messages get onto a bus: the port of the relay. Sends them in order, in as many batches as it takes, and stops at
 * the first that fails or when it may not go on. Throws nothing.
 */
export type Publisher = {
  publish(address: Address, messages: readonly Message[], mayGoOn: () => boolean): Promise<Published>
  close(): Promise<void>
}
