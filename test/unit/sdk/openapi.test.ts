import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import * as examples from '../../../api/examples.ts'
import {
  contextSchema,
  credentialsBody,
  credentialsSchema,
  eventSchema,
  operationSchema,
  problemSchema,
  reasonBody,
  resourceSchema,
  tenantSchema,
} from '../../../api/schemas.ts'
import { manifestSchema } from '../../../domain/manifest.ts'
import { apiTypes, plainTransitions, type OpenApi } from '../../../scripts/client-types.ts'
import { lintOpenApi } from '../../../scripts/lint-openapi.ts'

type Described = {
  operationId?: string
  tags?: string[]
  security?: object[]
  parameters?: { name: string; in: string }[]
  responses: Record<string, object>
  requestBody?: { content: Record<string, { schema: object; example?: object }> }
}
type Document = { paths: Record<string, Record<string, Described>>; tags: { name: string; description: string }[] }

const text = readFileSync(new URL('../../../docs/schemas/openapi.json', import.meta.url), 'utf8')
const document = JSON.parse(text) as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
)

/** An operation is described as it behaves: keys, roles, preconditions and bodies can each be refused. */
function missing({ name, security, responses, requestBody }: (typeof operations)[number]): string[] {
  const wanted = [
    ...(security?.length === 0 ? [] : ['400', '401']),
    ...(name.includes('{') ? ['404'] : []),
    ...(name.startsWith('GET') ? [] : ['403', '409', '412']),
    ...(requestBody === undefined ? [] : ['413', '415']),
  ]
  // Who applies a manifest under a slug that nobody has makes a tenant.
  const known = name === 'PUT /v1/tenants/{idOrSlug}' ? ['404'] : []
  // A preview changes nothing, so there is nothing for If-Match to guard.
  const unguarded = name === 'POST /v1/tenants:preview' ? ['412'] : []
  return wanted.filter((status) => responses[status] === undefined && ![...known, ...unguarded].includes(status))
}

test('redocly has nothing against the OpenAPI document', async () => {
  expect(await lintOpenApi(text)).toEqual([])
})

test('redocly would have found a reference into a document of its own, as the manifest once was', async () => {
  const broken = JSON.parse(text) as { components: { schemas: Record<string, object> } }
  broken.components.schemas['TenantManifest'] = { $ref: '#/$defs/TenantManifest', $defs: { TenantManifest: {} } }
  expect(await lintOpenApi(JSON.stringify(broken))).not.toEqual([])
  const silent = vi.spyOn(console, 'error').mockReturnValue()
  await expect(apiTypes(broken as unknown as OpenApi)).rejects.toThrow(/resolve/)
  silent.mockRestore()
})

test('openapi-typescript makes types of every operation', async () => {
  const types = await apiTypes(JSON.parse(text) as OpenApi)
  for (const { operationId } of operations) expect(types).toContain(`operations["${operationId}"]`)
  expect(types).toContain('TenantManifest: {')
})

test('every operation has a name of its own, a described tag, and says whether it needs a key', () => {
  const names = operations.map(({ operationId }) => operationId)
  expect(names.filter((name) => !/^[a-z]+([A-Z][a-z]*)+$/.test(name ?? ''))).toEqual([])
  expect(new Set(names).size).toBe(operations.length)
  expect(document.tags.every(({ description }) => description.length > 0)).toBe(true)
  const tags = new Set(document.tags.map(({ name }) => name))
  expect(operations.filter((one) => !one.tags?.every((tag) => tags.has(tag)) || one.security === undefined)).toEqual([])
  const free = operations.filter(({ security }) => security?.length === 0).map(({ name }) => name)
  expect(free).toEqual(['GET /healthz', 'GET /readyz', 'GET /.well-known/freehold/keys.json'])
})

test('every operation names the refusals that it can give', () => {
  expect(operations.flatMap((one) => missing(one).map((status) => `${one.name} lacks ${status}`))).toEqual([])
})

test('every body that is sent has an example', () => {
  const bodies = operations.flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}))
  expect(bodies.length).toBeGreaterThan(5)
  expect(bodies.filter(({ example }) => example === undefined)).toEqual([])
})

test.each([
  [manifestSchema, examples.exampleManifest],
  [reasonBody, examples.exampleReason],
  [credentialsBody, examples.exampleCredentialsRequest],
  [operationSchema, examples.exampleOperation],
  [tenantSchema, examples.exampleTenant],
  [contextSchema, examples.exampleContext],
  [resourceSchema, examples.exampleResource],
  [eventSchema, examples.exampleEvent],
  [credentialsSchema, examples.exampleCredentials],
  [problemSchema, examples.exampleProblem],
])('example %# is of its schema', (schema, example) => {
  expect(schema.parse(example)).toMatchObject(example)
})

test('plain transitions are found by what the document says of them', () => {
  const paths = {
    '/v1/tenants/{idOrSlug}/purge': {
      post: { summary: "Remove a tenant's rest", 'x-freehold-transition': 'purge', 'x-freehold-confirm': true },
    },
    '/v1/tenants/{idOrSlug}': { get: { summary: 'One tenant' } },
  }
  const made = plainTransitions({ paths } as unknown as OpenApi)
  expect(made).toContain(
    "[\n  { command: 'purge', confirm: true, cell: false, summary: 'Remove a tenant\\'s rest' },\n] as const\n",
  )
})
