import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { streamSSE, type SSEStreamingApi } from 'hono/streaming'
import { isOpen } from '../../domain/operation.ts'
import { findOperation } from '../../registry/operations.ts'
import { slugsOf } from '../../registry/queries.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { operationView } from '../views.ts'
import { newApp, readProblems, security } from './common.ts'

const pollMs = 300
const keepAliveMs = 15_000
const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) })

/** Following an operation live. */
export function streamRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/operations/{id}/stream',
      operationId: 'streamOperation',
      tags: ['operations'],
      security,
      summary: 'Every change of an operation until it is settled; Last-Event-ID resumes behind that revision',
      request: { params },
      responses: {
        200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: z.string() } } },
        ...readProblems(404),
      },
    }),
    async (c) => {
      const { id, tenant } = await findOperation(deps.orm.em.fork(), c.req.valid('param').id)
      c.set('tenantId', tenant)
      const last = Number(c.req.header('last-event-id'))
      const after = Number.isSafeInteger(last) && last > 0 ? last : 0
      const correlationId = c.get('correlationId')
      return streamSSE(c, async (stream) => {
        const end = () => stream.abort()
        deps.closing?.addEventListener('abort', end)
        try {
          await follow(deps, stream, id, after)
        } catch (error) {
          // The caller is told nothing: the stream ends, and it resumes where it was.
          const reason = error instanceof Error ? error.name : 'unknown'
          deps.log.warn({ operation_id: id, correlation_id: correlationId, reason }, 'event stream broke')
        } finally {
          deps.closing?.removeEventListener('abort', end)
        }
      })
    },
  )
  return app
}

async function follow(deps: ApiDeps, stream: SSEStreamingApi, id: string, after: number): Promise<void> {
  let seen = after
  let quietMs = 0
  while (!stream.aborted && deps.closing?.aborted !== true) {
    const em = deps.orm.em.fork()
    const row = await findOperation(em, id)
    if (row.revision > seen) {
      seen = row.revision
      quietMs = 0
      const slugs = await slugsOf(em, [row.tenant])
      const view = operationView(row, slugs.get(row.tenant) ?? '', deps)
      await stream.writeSSE({ id: String(seen), event: 'operation', data: JSON.stringify(view) })
    }
    if (!isOpen(row.state)) {
      await stream.writeSSE({ event: 'end', data: JSON.stringify({ state: row.state }) })
      return
    }
    await stream.sleep(pollMs)
    quietMs += pollMs
    if (quietMs < keepAliveMs) continue
    await stream.write(': still here\n\n')
    quietMs = 0
  }
}
