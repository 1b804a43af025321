import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { accepts } from 'hono/accepts'
import { FreeholdError } from '../../domain/errors.ts'
import { listAudit, listCheckpoints } from '../../registry/audit.ts'
import { exportAudit } from '../../registry/audit-export.ts'
import { sqlOf } from '../../registry/pool.ts'
import { findTenant } from '../../registry/tenants.ts'
import { auditEventSchema, auditQuery, checkpointSchema, checkpointsQuery } from '../audit-schemas.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { eventView } from '../views.ts'
import { idOrSlug, json, newApp, page, readProblems, security } from './common.ts'

const ndjson = 'application/x-ndjson'
const common = { method: 'get' as const, tags: ['audit'], security }

/** The audit trail over all streams, its export, and its checkpoints. */
export function auditRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const sql = () => sqlOf(deps.orm.pool)
  const streamOf = async (named: string) => (await findTenant(deps.orm.em.fork(), idOrSlug(named), { purged: true })).id

  app.openapi(
    createRoute({
      ...common,
      path: '/v1/audit',
      operationId: 'listAudit',
      summary: `Events of all tenants and of the platform, oldest first; as ${ndjson} the whole trail, or that of one tenant, to be verified`,
      request: { query: auditQuery },
      responses: {
        200: {
          description: `A page of events; as ${ndjson} keys, checkpoints and every event, a record a line`,
          content: {
            'application/json': {
              schema: z.object({ items: z.array(auditEventSchema), nextCursor: z.string().nullable() }),
            },
            [ndjson]: { schema: z.string() },
          },
        },
        ...readProblems(404),
      },
    }),
    async (c) => {
      const { tenant, limit, cursor, correlation: correlationId, ...filters } = c.req.valid('query')
      const stream = tenant === undefined ? undefined : await streamOf(tenant)
      if (stream !== undefined) c.set('tenantId', stream)
      const type = accepts(c, {
        header: 'Accept',
        supports: ['application/json', ndjson],
        default: 'application/json',
      })
      if (type === ndjson) {
        requireWholeStreams(c.req.query())
        const body = exported(deps, stream ?? null, c.get('correlationId'))
        // The type of the route knows answers in JSON alone.
        return c.body(body, 200, { 'content-type': ndjson }) as never
      }
      const rows = await listAudit(sql(), { ...filters, stream, correlationId }, { limit: limit + 1, after: cursor })
      const { items, nextCursor } = page(rows, limit)
      const views = items.map((row) => ({ ...eventView(row), stream: row.stream }))
      return c.json({ items: views, nextCursor }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...common,
      path: '/v1/audit/checkpoints',
      operationId: 'listCheckpoints',
      summary:
        'Signed checkpoints of the trail, oldest first: the heads of the streams that have grown, each behind the one before',
      request: { query: checkpointsQuery },
      responses: {
        200: json(
          z.object({ items: z.array(checkpointSchema), nextAfter: z.int().nullable() }),
          'Checkpoints in order',
        ),
        ...readProblems(),
      },
    }),
    async (c) => {
      const { after, limit } = c.req.valid('query')
      const rows = await listCheckpoints(sql(), after, limit + 1)
      const items = rows.slice(0, limit).map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }))
      return c.json({ items, nextAfter: rows.length > limit ? (items.at(-1)?.number ?? null) : null }, 200)
    },
  )

  return app
}

/** Throws `invalid_request` for an export of a part of a stream, which nobody could verify. */
function requireWholeStreams(query: Record<string, string>): void {
  const other = Object.keys(query).find((name) => name !== 'tenant')
  if (other === undefined) return
  throw new FreeholdError(
    'invalid_request',
    `query.${other}: an export has whole streams, so that it can be verified; only tenant can be named`,
    { details: [{ path: `query.${other}`, message: 'is not possible for an export' }] },
  )
}

/** The records a line each, read as fast as they are taken. One that breaks off has no last line. */
function exported({ orm, signer, log, closing }: ApiDeps, stream: string | null, correlation: string) {
  async function* lines(): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder()
    try {
      for await (const records of exportAudit(sqlOf(orm.pool), signer, stream)) {
        closing?.throwIfAborted()
        yield encoder.encode(records.map((record) => `${JSON.stringify(record)}\n`).join(''))
      }
    } catch (error) {
      const reason = error instanceof Error ? error.name : 'unknown'
      log.warn({ correlation_id: correlation, reason }, 'an export of the trail broke off')
      throw error
    }
  }
  return ReadableStream.from(lines()) as ReadableStream<Uint8Array>
}
