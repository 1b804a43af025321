import { HTTPException } from 'hono/http-exception'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { FreeholdError, type ErrorCode } from '../domain/errors.ts'
import type { Logger } from '../base/logger.ts'
import { isHeldUp, isUnavailable } from '../registry/unavailable.ts'
import type { ApiEnv } from './deps.ts'

/** Codes that are never the caller's fault, so the log has to say more. */
const isOurs: ReadonlySet<ErrorCode> = new Set(['internal', 'not_ready', 'registry_unavailable', 'secret_unreadable'])

/** Answers an error as RFC 9457 problem+json. What nobody foresaw is logged and answered without its message. */
export function problemHandler(log: Logger) {
  return (error: Error, c: Context<ApiEnv>): Response => {
    const known = toFreeholdError(error)
    const correlationId = c.get('correlationId')
    if (isOurs.has(known.code))
      log.error({ correlation_id: correlationId, error: withoutValues(error) }, 'request failed')
    if (known.code === 'unauthenticated') c.header('WWW-Authenticate', 'Bearer')
    const { code, status, retry, message, details, facts } = known
    const problem = {
      type: `https://freehold.dev/errors/${code}`,
      title: code.replaceAll('_', ' '),
      status,
      code,
      detail: message,
      instance: correlationId,
      retry,
      ...(details.length === 0 ? {} : { errors: details }),
      ...(Object.keys(facts).length === 0 ? {} : { facts }),
    }
    return c.body(JSON.stringify(problem), status as ContentfulStatusCode, {
      'content-type': 'application/problem+json',
    })
  }
}

function toFreeholdError(error: Error): FreeholdError {
  if (error instanceof FreeholdError) return error
  if (error instanceof HTTPException) return new FreeholdError(codeOf(error.status), error.message || 'bad request')
  if (isUnavailable(error))
    return new FreeholdError('registry_unavailable', 'the registry cannot be reached; try again in a moment', {
      cause: error,
    })
  if (isHeldUp(error))
    return new FreeholdError(
      'registry_unavailable',
      'the registry is held up by another change; try again in a moment',
      {
        cause: error,
      },
    )
  return new FreeholdError('internal', 'an unexpected error; the log has it under the correlation id', { cause: error })
}

function codeOf(status: number): ErrorCode {
  if (status === 413) return 'body_too_large'
  if (status === 415) return 'unsupported_media_type'
  return status >= 500 ? 'internal' : 'invalid_request'
}

/** What may be logged of an error nobody foresaw: a database error's message holds the values of its statement. */
function withoutValues(error: Error) {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '))
  const isDatabase = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
  return { name: error.name, code, constraint, message: isDatabase ? undefined : error.message, frames }
}
