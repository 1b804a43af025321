import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { findOperation } from '../../registry/operations.ts'
import { listOperations, slugsOf } from '../../registry/queries.ts'
import { findTenant } from '../../registry/tenants.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { operationSchema, operationsQuery } from '../schemas.ts'
import { operationView } from '../views.ts'
import { idOrSlug, json, newApp, page, readProblems, security } from './common.ts'

const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) })

/** Reading operations. */
export function operationRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const { orm } = deps

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/operations',
      operationId: 'listOperations',
      tags: ['operations'],
      security,
      summary: 'List operations, newest first',
      request: { query: operationsQuery },
      responses: {
        200: json(z.object({ items: z.array(operationSchema), nextCursor: z.string().nullable() }), 'A page'),
        ...readProblems(404),
      },
    }),
    async (c) => {
      const { tenant: named, state, limit, cursor } = c.req.valid('query')
      const em = orm.em.fork()
      const tenant = named === undefined ? undefined : (await findTenant(em, idOrSlug(named), { purged: true })).id
      const rows = await listOperations(em, { tenant, state }, { limit: limit + 1, after: cursor })
      const { items, nextCursor } = page(rows, limit)
      const slugs = await slugsOf(
        em,
        items.map((row) => row.tenant),
      )
      return c.json(
        { items: items.map((row) => operationView(row, slugs.get(row.tenant) ?? '', deps)), nextCursor },
        200,
      )
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/operations/{id}',
      operationId: 'getOperation',
      tags: ['operations'],
      security,
      summary: 'One operation',
      request: { params },
      responses: { 200: json(operationSchema, 'The operation'), ...readProblems(404) },
    }),
    async (c) => {
      const em = orm.em.fork()
      const row = await findOperation(em, c.req.valid('param').id)
      c.set('tenantId', row.tenant)
      const slugs = await slugsOf(em, [row.tenant])
      return c.json(operationView(row, slugs.get(row.tenant) ?? '', deps), 200)
    },
  )

  return app
}
