import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { rotateMasterKey } from '../../operations/master-key.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleReason } from '../examples.ts'
import { reasonBody } from '../schemas.ts'
import { changeProblems, documentedBody, guards, idOrSlug, json, newApp, security, tenantParams } from './common.ts'

const rotated = z.object({
  id: z.string().describe('Id of the new master key'),
  before: z.string().nullable().describe('Id of the one that was destroyed'),
})

/** The master key of a tenant's own, which the role platform-admin alone may replace. */
export function masterKeyRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/tenants/{idOrSlug}/master-key',
      operationId: 'rotateMasterKey',
      tags: ['commands'],
      security,
      parameters: guards,
      summary: 'Wrap the key of a tenant by a new master key of its own, and destroy the one before',
      request: {
        params: tenantParams,
        body: documentedBody(['application/json'], reasonBody, false, exampleReason),
      },
      responses: { 200: json(z.object({ masterKey: rotated }), 'In force'), ...changeProblems(404, 410, 422) },
    }),
    async (c) => {
      const { role } = c.get('apiKey')
      if (role !== 'platform-admin')
        throw new FreeholdError('forbidden', `a master key is replaced by the role platform-admin, not ${role}`)
      const text = await readText(c)
      const { reason } = parseBody<{ reason?: string | undefined }>(c, text, reasonBody)
      const call = callOf(c, text)
      const named = idOrSlug(c.req.valid('param').idOrSlug)
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const tenant = await lockNamed(sql, call, named)
        const masterKey = await rotateMasterKey(sql, deps.platformKey, tenant, { ...call, reason })
        return { status: 200, headers: {}, body: { masterKey } }
      })
      return c.json(body, 200, headers)
    },
  )
  return app
}
