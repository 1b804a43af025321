import createOpenApiClient, { defaultPathSerializer, type Client } from 'openapi-fetch'
import type { paths } from './generated.ts'
import { ArgumentError, NoAnswerError } from './errors.ts'
import { baseUrl, type ClientOptions } from './settings.ts'
import { createTransport } from './transport.ts'

/** Every path of the OpenAPI document, typed; see openapi-fetch. A refusal is thrown as ApiError, never given as `error`. */
export type Api = Client<paths>

/** An `Api` that sends as these options say. Throws ArgumentError for an unusable address. */
export function createApi(options: ClientOptions): Api {
  const base = baseUrl(options)
  return createOpenApiClient<paths>({
    baseUrl: base,
    fetch: createTransport(base, options),
    pathSerializer: (pathname, parts) => defaultPathSerializer(pathname, checked(parts)),
  })
}

/** The parts of a path. Throws ArgumentError for one that would change the path. */
function checked(parts: Record<string, unknown>): Record<string, unknown> {
  if (Object.values(parts).some((part) => part === '' || part === '.' || part === '..'))
    throw new ArgumentError('a name is needed here, not an empty text or dots')
  return parts
}

/** The answer to a request. Throws NoAnswerError when its body is no JSON. */
export async function answerOf<T>(asked: Promise<{ data?: T; response: Response }>) {
  return asked.catch((cause: unknown) => {
    throw cause instanceof SyntaxError ? notFreehold(cause) : cause
  })
}

/** The body of an answer. Throws NoAnswerError when there is none, or it is no JSON. */
export async function bodyOf<T>(asked: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data } = await answerOf(asked)
  if (data === undefined) throw notFreehold(undefined)
  return data
}

function notFreehold(cause: unknown): NoAnswerError {
  return new NoAnswerError('not-freehold', 'what answers is not the Freehold API: it sends no JSON', { cause })
}
