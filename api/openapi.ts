import type { OpenAPIHono } from '@hono/zod-openapi'
import { manifestJsonSchema } from '../domain/manifest.ts'
import type { ApiEnv } from './deps.ts'

const tags = [
  { name: 'tenants', description: 'Reading tenants: their state, context, resources and audit trail' },
  {
    name: 'commands',
    description: 'Changing tenants. A command is accepted at once and carried out as an operation; see `operations`',
  },
  { name: 'relocations', description: 'Moving an environment to another placement while it is written to, and back' },
  { name: 'operations', description: 'Reading and following what a command set going' },
  { name: 'audit', description: 'The trail of everything that was changed, its signed checkpoints, and its export' },
  { name: 'policies', description: 'The rules that every command is judged by' },
  { name: 'secrets', description: 'Secrets of the platform, which manifests refer to by name: written, never read' },
  { name: 'system', description: 'The API itself: who is asking, health, and keys to check signatures with' },
]

/** Serves the OpenAPI document of all routes of this app; to be called when they are registered. */
export function serveOpenApi(app: OpenAPIHono<ApiEnv>): void {
  const { openAPIRegistry } = app
  openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key: `Authorization: Bearer fh_…`',
  })
  for (const [name, schema] of Object.entries(manifestComponents()))
    openAPIRegistry.registerComponent('schemas', name, schema)
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Freehold',
      version: '1',
      description: 'The control plane for tenants',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document came from' }],
    tags,
  })
}

/**
 * The manifest's schema, and what it is made of, as components. On its own it is a document with an `$id`, in which
 * `#/$defs/…` means something; generators of clients take both for parts of the document around it.
 */
function manifestComponents(): Record<string, object> {
  const { $defs } = JSON.parse(
    JSON.stringify(manifestJsonSchema()).replaceAll('"#/$defs/', '"#/components/schemas/'),
  ) as { $defs: Record<string, object> }
  return $defs
}
