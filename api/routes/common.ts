import { OpenAPIHono, z } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { invalid } from '../body.ts'
import type { ApiEnv } from '../deps.ts'
import { problemSchema } from '../schemas.ts'

/** An app whose validators throw `invalid_request`; every group of routes is made with it. */
export function newApp(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.target, result.error.issues)
    },
  })
}

/** A JSON answer, for the OpenAPI document. */
export function json<S extends z.ZodType>(schema: S, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

/** The answers every route can give besides its own. */
export const problems = {
  default: { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: problemSchema } } },
}

/**
 * A body, for the OpenAPI document alone: handlers read bodies themselves, because a limit in bytes, positions of errors
 * and YAML are beyond the generated validators, which are made for zod schemas only.
 */
export function documentedBody(types: readonly string[], schema: z.ZodType | { $ref: string }, required: boolean) {
  const { $schema: _, ...shape }: Record<string, unknown> =
    schema instanceof z.ZodType ? z.toJSONSchema(schema, { io: 'input' }) : schema
  return { required, content: Object.fromEntries(types.map((type) => [type, { schema: shape }])) }
}

const header = (name: string, description: string) => ({
  name,
  in: 'header' as const,
  required: false,
  schema: { type: 'string' as const },
  description,
})

/** The headers that guard a mutation, for the OpenAPI document. */
export const guards = [
  header(
    'Idempotency-Key',
    '1 to 255 visible ASCII characters; the same call under the same key gives the same answer',
  ),
  header('If-Match', 'Generation the tenant must have, in quotes'),
]

export const security = [{ apiKey: [] }]
export const tenantParams = z.object({
  idOrSlug: z.string().openapi({ param: { name: 'idOrSlug', in: 'path' }, description: 'Id or slug of a tenant' }),
})

/** An id or slug as it came in the URL. Throws `tenant_not_found` for what can be neither, before it reaches the registry. */
export function idOrSlug(text: string): string {
  if (/^[A-Za-z0-9-]{1,64}$/.test(text)) return text
  throw new FreeholdError('tenant_not_found', 'there is no such tenant: this is neither an id nor a slug')
}

/** Cuts a list that was read with one row more than a page holds, and makes the cursor of the next page. */
export function page<R extends { id: string }>(rows: readonly R[], limit: number) {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { items, nextCursor: hasMore ? Buffer.from(last.id).toString('base64url') : null }
}
