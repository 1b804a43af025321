import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Signer } from '../../crypto/signing.ts'
import type { ReportRow } from '../../registry/entities/report.ts'
import { sqlOf } from '../../registry/pool.ts'
import { findReport, listReports } from '../../registry/reports.ts'
import { findTenant } from '../../registry/tenants.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { noQuery, reportSchema } from '../schemas.ts'
import { idOrSlug, json, newApp, readProblems, security, tenantParams } from './common.ts'

const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) })

/**
 * Reports on tenants, also on purged ones. The registry keeps the bytes, and their hash is in the trail; they are signed as they
 * are given out, by the key that is in use then.
 */
export function reportRoutes({ orm, signer }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/tenants/{idOrSlug}/reports',
      operationId: 'listTenantReports',
      tags: ['tenants'],
      security,
      summary: 'Signed reports on a tenant, such as the certificate of its deletion; by id also of a purged one',
      request: { params: tenantParams, query: noQuery },
      responses: { 200: json(z.object({ items: z.array(reportSchema) }), 'The reports'), ...readProblems(404) },
    }),
    async (c) => {
      const tenant = await findTenant(orm.em.fork(), idOrSlug(c.req.valid('param').idOrSlug), { purged: true })
      c.set('tenantId', tenant.id)
      const rows = await listReports(sqlOf(orm.pool), tenant.id)
      return c.json({ items: rows.map((row) => signed(row, signer)) }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/reports/{id}',
      operationId: 'getReport',
      tags: ['tenants'],
      security,
      summary: 'One signed report',
      request: { params, query: noQuery },
      responses: { 200: json(reportSchema, 'The report'), ...readProblems(404) },
    }),
    async (c) => {
      const row = await findReport(sqlOf(orm.pool), c.req.valid('param').id)
      c.set('tenantId', row.tenant)
      return c.json(signed(row, signer), 200)
    },
  )
  return app
}

function signed({ createdAt, ...row }: ReportRow, { publicKey, sign }: Signer) {
  return { ...row, createdAt: createdAt.toISOString(), signature: sign(row.document), keyId: publicKey.kid }
}
