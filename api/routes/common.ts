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

const refusals = {
  400: 'The request is not understood',
  401: 'No valid API key',
  403: 'The role of the key may not do this',
  404: 'There is no such thing',
  409: 'Not now: something else is in the way',
  410: 'The tenant is gone; its audit trail is left',
  412: 'Another generation of the tenant, or version of the policy, than If-Match asks for',
  413: 'The body is too large',
  415: 'The content type is not understood',
  422: 'The manifest asks for what is not possible, or the policy denies the command',
} as const
type Refusal = keyof typeof refusals
type Problem = { description: string; content: { 'application/problem+json': { schema: typeof problemSchema } } }

/** Answers of the OpenAPI document for these refusals, and `default` for every other problem (RFC 9457). */
export function problems<S extends Refusal = never>(...statuses: S[]): Record<S | 'default', Problem> {
  const content = { 'application/problem+json': { schema: problemSchema } }
  const listed = statuses.map((status) => [status, { description: refusals[status], content }] as const)
  return Object.fromEntries([...listed, ['default', { description: 'A problem', content }]]) as Record<
    S | 'default',
    Problem
  >
}

/** As `problems`, for a question that needs an API key. */
export function readProblems<S extends Refusal = never>(...statuses: S[]): Record<S | 400 | 401 | 'default', Problem> {
  return problems<S | 400 | 401>(400, 401, ...statuses)
}

/** As `problems`, for what changes something: it takes a body, a role, and the headers of `guards`. */
export function changeProblems<S extends Refusal = never>(...statuses: S[]) {
  return problems<S | 400 | 401 | 403 | 409 | 412 | 413 | 415>(400, 401, 403, 409, 412, 413, 415, ...statuses)
}

/** Names a plain transition of the OpenAPI document: what `POST /v1/tenants/{idOrSlug}/{command}` of a client can send. */
export function transition(
  command: string,
  summary: string,
  { needsConfirmation, takesCell }: { needsConfirmation?: true | undefined; takesCell?: true | undefined },
) {
  const words = command.split('-').map((word, at) => (at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
  return {
    operationId: `${words.join('')}Tenant`,
    summary,
    'x-freehold-transition': command,
    'x-freehold-confirm': needsConfirmation,
    'x-freehold-cell': takesCell,
  }
}

/**
 * A body, for the OpenAPI document alone: handlers read bodies themselves, because a limit in bytes, positions of errors
 * and YAML are beyond the generated validators, which are made for zod schemas only.
 */
export function documentedBody(
  types: readonly string[],
  schema: z.ZodType | { $ref: string },
  required: boolean,
  example: object,
) {
  const { $schema: _, ...shape }: Record<string, unknown> =
    schema instanceof z.ZodType ? z.toJSONSchema(schema, { io: 'input' }) : schema
  return { required, content: Object.fromEntries(types.map((type) => [type, { schema: shape, example }])) }
}

const header = (name: string, description: string) => ({
  name,
  in: 'header' as const,
  required: false,
  schema: { type: 'string' as const },
  description,
})

const idempotencyKey = header(
  'Idempotency-Key',
  '1 to 255 visible ASCII characters; the same call under the same key gives the same answer',
)

/** The headers that guard a mutation, for the OpenAPI document. */
export const guards = [idempotencyKey, header('If-Match', 'Generation the tenant must have, in quotes')]
/** For what has no version to ask for. */
export const idempotent = [idempotencyKey]
/** The same for a change of the policy. */
export const policyGuards = [idempotencyKey, header('If-Match', 'Version the policy must have, in quotes')]

/** `apiKey` is needed; nothing is, for what everybody may read. */
export const security = [{ apiKey: [] }]
export const open: never[] = []
export const tenantParams = z.object({
  idOrSlug: z.string().openapi({ param: { name: 'idOrSlug', in: 'path' }, description: 'Id or slug of a tenant' }),
})

/** Where the moves of a tenant are. */
export const relocationsPath = '/v1/tenants/{idOrSlug}/relocations'
export const relocationParams = tenantParams.extend({
  relocation: z.string().openapi({ param: { name: 'relocation', in: 'path' } }),
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
