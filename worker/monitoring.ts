import { Hono } from 'hono'
import type { Registry } from 'prom-client'
import { listen } from '../base/http-server.ts'

/**
 * Serves /metrics, /healthz and /readyz of a worker that runs by itself. Throws `configuration_invalid` when the address
 * cannot be listened on.
 */
export async function startMonitoring(options: {
  metrics: Registry
  /** What the worker needs, by name, and whether it answers. */
  ready: () => Promise<Record<string, boolean>>
  host: string
  port: number
}): Promise<{ url: string; stop: () => Promise<void> }> {
  const { metrics, ready, host, port } = options
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const answers = await ready()
    return c.json(answers, Object.values(answers).every(Boolean) ? 200 : 503)
  })
  app.get('/metrics', async (c) => c.body(await metrics.metrics(), 200, { 'content-type': metrics.contentType }))
  return listen(app.fetch, { host, port, variable: 'FREEHOLD_METRICS_PORT' })
}
