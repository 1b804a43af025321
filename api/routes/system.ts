import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { manifestJsonSchema } from '../../domain/manifest.ts'
import { roles } from '../../registry/entities/access.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { json, newApp, problems, security } from './common.ts'

const { resolve } = createRequire(import.meta.url)
const docsFiles = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
} as const

const docsPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Freehold API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`
const docsStart = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true })\n`

/** Who am I, health, metrics, and the documents about the API itself. */
export function systemRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const route = (path: string, summary: string) => ({ method: 'get' as const, path, tags: ['system'], summary })

  app.openapi(
    createRoute({
      ...route('/v1/whoami', 'The API key of this request'),
      security,
      responses: { 200: json(z.object({ name: z.string(), role: z.enum(roles) }), 'Name and role'), ...problems },
    }),
    (c) => {
      const { name, role } = c.get('apiKey')
      return c.json({ name, role }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...route('/healthz', 'Whether the process lives'),
      responses: { 200: json(z.object({ status: z.literal('ok') }), 'It does') },
    }),
    (c) => c.json({ status: 'ok' as const }, 200),
  )

  app.openapi(
    createRoute({
      ...route('/readyz', 'Whether everything needed to serve answers'),
      responses: { 200: json(z.record(z.string(), z.boolean()), 'It does'), ...problems },
    }),
    async (c) => {
      const ready = await deps.ready()
      if (Object.values(ready).every(Boolean)) return c.json(ready, 200)
      const missing = Object.keys(ready).filter((name) => ready[name] !== true)
      throw new FreeholdError('not_ready', `not answering: ${missing.join(', ')}`, { facts: ready })
    },
  )

  const { registry } = deps.metrics
  app.get('/metrics', async (c) => c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }))
  app.get('/schemas/tenant-v1alpha1.json', (c) =>
    c.body(JSON.stringify(manifestJsonSchema(), null, 2), 200, { 'content-type': 'application/schema+json' }),
  )
  app.get('/docs', (c) => {
    c.header('Content-Security-Policy', "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:")
    return c.html(docsPage)
  })
  app.get('/docs/start.js', (c) => c.body(docsStart, 200, { 'content-type': 'text/javascript; charset=utf-8' }))
  for (const [file, type] of Object.entries(docsFiles))
    app.get(`/docs/${file}`, async (c) =>
      c.body(await readFile(resolve(`swagger-ui-dist/${file}`), 'utf8'), 200, { 'content-type': type }),
    )

  return app
}
