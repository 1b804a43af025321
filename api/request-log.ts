import { randomUUID } from 'node:crypto'
import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import type { Logger } from '../base/logger.ts'
import type { ApiMetrics } from '../base/metrics.ts'
import type { ApiEnv } from './deps.ts'

const sane = /^[A-Za-z0-9._:-]{1,128}$/

/**
 * Gives every request a correlation id (the caller's where it is sane), one line in the log and one observation in the
 * metrics. Never bodies, keys or raw paths: a path may hold anything.
 */
export function requestLog(log: Logger, { requestDuration }: ApiMetrics) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const given = c.req.header('x-correlation-id') ?? ''
    const correlationId = sane.test(given) ? given : randomUUID()
    c.set('correlationId', correlationId)
    c.header('X-Correlation-ID', correlationId)
    const start = performance.now()
    await next()
    const ms = performance.now() - start
    const template = routePath(c, -1)
    const path = template.includes('*') ? 'unknown' : template
    const { method } = c.req
    const { status } = c.res
    requestDuration.observe({ method, path, status }, ms / 1000)
    const tenant = c.get('tenantId')
    log.info(
      {
        method,
        path,
        status,
        ms: Math.round(ms),
        correlation_id: correlationId,
        ...(tenant === undefined ? {} : { tenant_id: tenant }),
      },
      'request',
    )
  })
}
