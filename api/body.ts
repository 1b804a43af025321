import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import { FreeholdError } from '../domain/errors.ts'
import { readManifest } from '../domain/manifest-read.ts'
import type { Manifest } from '../domain/manifest.ts'

const maximumBytes = 1024 * 1024
const longest = 200
const jsonType = 'application/json'
/** Content types a manifest may come in. */
export const manifestTypes = [jsonType, 'application/yaml', 'text/yaml', 'application/x-yaml'] as const

/** Lets bodies of at most 1 MiB through, however they are sent. Throws `body_too_large`. */
export const limitBody = bodyLimit({
  maxSize: maximumBytes,
  onError: () => {
    throw new FreeholdError('body_too_large', `the body is larger than ${maximumBytes} bytes`)
  },
})

/** Text of the body. Throws `malformed_body` for what is not UTF-8. */
export async function readText(c: Context): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await c.req.arrayBuffer())
  } catch (cause) {
    throw new FreeholdError('malformed_body', 'the body is not UTF-8 text', { cause })
  }
}

/**
 * The manifest in this text. Throws `unsupported_media_type` for a content type that is none of `manifestTypes`, and what
 * `readManifest` throws.
 */
export function parseManifest(c: Context, text: string): Manifest {
  if (contentType(c, manifestTypes) === jsonType) parseJson(text)
  try {
    return readManifest(text)
  } catch (cause) {
    if (cause instanceof FreeholdError) throw cause
    // Too many aliases, or nested deeper than the stack.
    throw new FreeholdError('malformed_body', 'the manifest is nested too deeply or has too many aliases', { cause })
  }
}

/** A small JSON body; nothing counts as `{}`. Throws `unsupported_media_type`, `malformed_body` or `invalid_request`. */
export function parseBody<T>(c: Context, text: string, schema: z.ZodType<T>): T {
  if (text !== '') contentType(c, [jsonType])
  const parsed = schema.safeParse(text === '' ? {} : parseJson(text))
  if (parsed.success) return parsed.data
  throw invalid('body', parsed.error.issues)
}

/** `invalid_request` from the issues of a zod schema; `target` says which part of the request they are of. */
export function invalid(
  target: string,
  issues: readonly { path: readonly PropertyKey[]; message: string }[],
): FreeholdError {
  // Names that are not ours come back in the answer: bounded, as everything a caller can make long.
  const details = issues.slice(0, 50).map(({ path, message }) => ({
    path: [target, ...path.map(String)].join('.').slice(0, longest),
    message: message.slice(0, longest),
  }))
  const [first] = details
  return new FreeholdError('invalid_request', `${first?.path ?? target}: ${first?.message ?? 'not valid'}`, { details })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which may hold personal data.
    throw new FreeholdError('malformed_body', 'the body is not well-formed JSON')
  }
}

function contentType(c: Context, allowed: readonly string[]): string {
  const given = c.req.header('content-type') ?? ''
  const [type = '', ...parameters] = given.split(';').map((part) => part.trim().toLowerCase())
  const charset = parameters.find((part) => part.startsWith('charset='))
  if (allowed.includes(type) && (charset === undefined || /^charset="?utf-8"?$/.test(charset))) return type
  throw new FreeholdError(
    'unsupported_media_type',
    `content type "${given.slice(0, 100)}" is not understood here; send ${allowed.join(', ')}, in UTF-8`,
  )
}
