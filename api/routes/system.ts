import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { lifecycle, tenantStates } from '../../domain/lifecycle.ts'
import { manifestJsonSchema } from '../../domain/manifest.ts'
import { within } from '../../base/deadline.ts'
import type { DestinationKind } from '../../registry/deliveries.ts'
import { deliveryLag } from '../../registry/delivery-lag.ts'
import { roles } from '../../registry/entities/api-key.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { lifecycleSchema } from '../schemas.ts'
import { json, newApp, open, problems, readProblems, security } from './common.ts'

const answerWithinMs = 2_000
const nothingWaits = { destination: undefined, undelivered: 0, failing: 0, oldestSeconds: 0, worstError: null }
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

const delivery = z.object({
  undelivered: z.int(),
  failing: z.int(),
  oldestSeconds: z.number(),
  worstError: z.string().nullable(),
})
const deliveries = z.object({ governance: delivery.or(z.literal('not configured')), topic: delivery })
/** Every part by its name; of the events how their delivery stands, which makes nothing unready. */
const readySchema = z.record(z.string(), z.boolean().or(deliveries))

/** How the delivery of events stands, or nothing when that cannot be told in time. */
async function eventDelivery({ orm, platform }: ApiDeps): Promise<z.output<typeof readySchema>> {
  const lags = await within(answerWithinMs, deliveryLag(orm.em.fork())).catch(() => undefined)
  if (lags === undefined) return {}
  const of = (kind: DestinationKind) => {
    const { destination: _, ...lag } = lags.find(({ destination }) => destination === kind) ?? nothingWaits
    return lag
  }
  const hasGovernance = platform.governance !== undefined
  return { events: { governance: hasGovernance ? of('governance') : 'not configured', topic: of('topic') } }
}

/** Who am I, health, metrics, and the documents about the API itself. */
export function systemRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const route = (path: string, operationId: string, summary: string) => ({
    method: 'get' as const,
    path,
    operationId,
    tags: ['system'],
    summary,
  })

  app.openapi(
    createRoute({
      ...route('/v1/whoami', 'whoAmI', 'The API key of this request'),
      security,
      responses: { 200: json(z.object({ name: z.string(), role: z.enum(roles) }), 'Name and role'), ...readProblems() },
    }),
    (c) => {
      const { name, role } = c.get('apiKey')
      return c.json({ name, role }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...route('/v1/lifecycle', 'getLifecycle', 'The table of transitions: what a tenant can be told in which state'),
      security,
      responses: { 200: json(lifecycleSchema, 'Every command by its name'), ...readProblems() },
    }),
    (c) => c.json({ states: [...tenantStates], commands: lifecycle }, 200),
  )

  app.openapi(
    createRoute({
      ...route('/healthz', 'getHealth', 'Whether the process lives'),
      security: open,
      responses: { 200: json(z.object({ status: z.literal('ok') }), 'It does'), ...problems() },
    }),
    (c) => c.json({ status: 'ok' as const }, 200),
  )

  app.openapi(
    createRoute({
      ...route('/readyz', 'getReadiness', 'Whether everything needed to serve answers'),
      security: open,
      responses: { 200: json(readySchema, 'It does; events that wait do not count'), ...problems() },
    }),
    async (c) => {
      const [ready, events] = await Promise.all([deps.ready(), eventDelivery(deps)])
      if (Object.values(ready).every(Boolean)) return c.json({ ...ready, ...events }, 200)
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
