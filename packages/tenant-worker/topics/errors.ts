import { isServiceBusError } from '@azure/service-bus'
import type { TenantTopic } from './tenant-topics.ts'

/** Why a message cannot be sent: it is wrong itself, or too large, or the bus does not take it now. */
export class TopicError extends Error {
  readonly code: 'invalid_request' | 'body_too_large' | 'substrate_unavailable'

  constructor(code: TopicError['code'], message: string) {
    super(message)
    this.name = 'TopicError'
    this.code = code
  }
}

/** The connection string of a bus could not be had. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError'
}

export type LinkFailureCode =
  | 'topic_missing'
  | 'topic_disabled'
  | 'unauthorized'
  | 'throttled'
  | 'timeout'
  | 'unreachable'
  | 'quota_exceeded'
  | 'not_configured'
  | 'refused'

/** What a topic answers with, by a code for programs and a sentence for operators, which holds no secret. */
export type LinkFailure = { readonly code: LinkFailureCode; readonly message: string }

const codes: Readonly<Record<string, LinkFailureCode>> = {
  MessagingEntityNotFound: 'topic_missing',
  MessagingEntityDisabled: 'topic_disabled',
  UnauthorizedAccess: 'unauthorized',
  ServiceBusy: 'throttled',
  ServiceTimeout: 'timeout',
  ServiceCommunicationProblem: 'unreachable',
  QuotaExceeded: 'quota_exceeded',
}

/** Never the client's own text, which may hold a token. */
const texts: Readonly<Record<LinkFailureCode, string>> = {
  topic_missing: 'is not there',
  topic_disabled: 'is disabled',
  unauthorized: 'refuses the connection string',
  throttled: 'asks for less',
  timeout: 'did not answer in time',
  unreachable: 'cannot be reached',
  quota_exceeded: 'is full; somebody must receive from its subscriptions',
  not_configured: 'has no usable connection string',
  refused: 'refuses',
}

/**
 * What an error of the client, or of finding its connection string, means. After more than one try the client throws all
 * its errors in one; the last is the newest.
 */
export function failureOf(error: unknown, { bus, topic }: TenantTopic): LinkFailure {
  const newest: unknown = error instanceof AggregateError && error.errors.length > 0 ? error.errors.at(-1) : error
  const code = codeOf(newest)
  const detail = code === 'refused' && newest instanceof Error ? ` (${newest.name})` : ''
  return { code, message: `topic "${topic}" of bus "${bus}" ${texts[code]}${detail}` }
}

function codeOf(error: unknown): LinkFailureCode {
  if (error instanceof CredentialError) return 'not_configured'
  if (!(error instanceof Error)) return 'refused'
  if (error.name === 'OperationTimeoutError') return 'timeout'
  const code = 'code' in error ? String(error.code) : ''
  // Errors of sockets and of name resolution: Node's code is the error's own, or stands first in what the client says.
  if (/^E[A-Z_]+\b/.test(code === 'GeneralError' ? error.message : code)) return 'unreachable'
  return (isServiceBusError(error) ? codes[error.code] : undefined) ?? 'refused'
}
