import { Hono } from 'hono'
import type { Closing } from '../base/closing.ts'
import { listen } from '../base/http-server.ts'
import type { Composition } from '../registry/compose.ts'

/**
 * Serves /metrics, /healthz and /readyz of a worker that runs by itself, where the configuration names a port. Throws
 * `configuration_invalid` when the address cannot be listened on.
 */
export async function serveMonitoring(
  { config, log, metricsRegistry, ready }: Pick<Composition, 'config' | 'log' | 'metricsRegistry' | 'ready'>,
  closing: Closing,
): Promise<void> {
  const { FREEHOLD_HOST: host, FREEHOLD_METRICS_PORT: port } = config
  if (port === 0) return
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const answers = await ready()
    return c.json(answers, Object.values(answers).every(Boolean) ? 200 : 503)
  })
  app.get('/metrics', async (c) =>
    c.body(await metricsRegistry.metrics(), 200, { 'content-type': metricsRegistry.contentType }),
  )
  const { url, stop } = await listen(app.fetch, { host, port, variable: 'FREEHOLD_METRICS_PORT' })
  closing.add('the port of the metrics', stop, 8_000)
  log.info(`metrics at ${url}/metrics`)
}
