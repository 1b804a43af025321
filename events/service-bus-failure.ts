import { isServiceBusError } from '@azure/service-bus'
import { FreeholdError } from '../domain/errors.ts'
import type { Address, PublishFailure } from './publisher.ts'

type Code = PublishFailure['code']

const codes: Readonly<Record<string, Code>> = {
  MessagingEntityNotFound: 'topic_missing',
  MessagingEntityDisabled: 'topic_disabled',
  UnauthorizedAccess: 'unauthorized',
  ServiceBusy: 'throttled',
  ServiceTimeout: 'timeout',
  ServiceCommunicationProblem: 'unreachable',
  MessageSizeExceeded: 'message_too_large',
  QuotaExceeded: 'quota_exceeded',
}

/** What to tell and what to do; never the client's own text, which may hold a token. */
const texts: Readonly<Record<Code, (address: Address) => string>> = {
  topic_missing: ({ bus, topic }) =>
    `topic "${topic}" is not on bus "${bus}". Do not make it by hand: it would count as somebody else's. Rotating the tenant's credentials makes its topic anew; a worker that starts makes the governance topic`,
  topic_disabled: ({ bus, topic }) => `topic "${topic}" of bus "${bus}" is disabled; enable it`,
  unauthorized: ({ bus, topic }) =>
    `bus "${bus}" refuses the credential for topic "${topic}"; check it: it must be allowed to send`,
  throttled: ({ bus }) => `bus "${bus}" asks for less; if it stays so, give it more capacity`,
  timeout: ({ bus, topic }) => `topic "${topic}" of bus "${bus}" did not answer in time`,
  unreachable: ({ bus }) => `bus "${bus}" cannot be reached`,
  message_too_large: ({ bus, topic }) =>
    `an event is larger than topic "${topic}" of bus "${bus}" takes; it must take 256 KiB`,
  quota_exceeded: ({ bus, topic }) =>
    `topic "${topic}" of bus "${bus}" is full; somebody must receive from its subscriptions, or it needs to be larger`,
  not_configured: ({ bus }) => `the credential of bus "${bus}" is not usable`,
  not_owned: ({ bus, topic }) => `topic "${topic}" of bus "${bus}" is not ours`,
  refused: ({ bus, topic }) => `topic "${topic}" of bus "${bus}" refuses messages`,
}

/**
 * What an error of the client, or of finding its credential, means. After more than one try the client throws all its
 * errors in one; the last is the newest.
 */
export function failureOf(error: unknown, address: Address): PublishFailure {
  if (error instanceof AggregateError && error.errors.length > 0) return failureOf(error.errors.at(-1), address)
  if (error instanceof FreeholdError)
    return {
      code: error.code === 'body_too_large' ? 'message_too_large' : 'not_configured',
      message: error.message,
    }
  const code = codeOf(error)
  const detail = code === 'refused' ? ` (${nameOf(error)})` : ''
  return { code, message: `${texts[code](address)}${detail}` }
}

function codeOf(error: unknown): Code {
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown }
  if (name === 'OperationTimeoutError') return 'timeout'
  // Errors of sockets and of name resolution: Node's code is the error's own, or stands first in what the client says.
  if (/^E[A-Z_]+\b/.test(String(code === 'GeneralError' ? message : code))) return 'unreachable'
  return (isServiceBusError(error) ? codes[error.code] : undefined) ?? 'refused'
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
