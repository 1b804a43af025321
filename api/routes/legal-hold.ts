import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { liftLegalHold, setLegalHold } from '../../operations/legal-hold.ts'
import { currentTenantView } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleReason } from '../examples.ts'
import { holdBody, reasonBody, tenantSchema } from '../schemas.ts'
import { changeProblems, documentedBody, guards, idOrSlug, json, newApp, security, tenantParams } from './common.ts'

const holds = [
  {
    method: 'put',
    operationId: 'setLegalHold',
    summary: 'Put a tenant under legal hold: it is neither deleted nor purged until the hold is lifted',
    body: holdBody,
    change: setLegalHold,
  },
  {
    method: 'delete',
    operationId: 'liftLegalHold',
    summary: 'Lift the legal hold of a tenant',
    body: reasonBody,
    change: liftLegalHold,
  },
] as const

/** Setting and lifting a legal hold, which the role platform-admin alone may do. */
export function legalHoldRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  for (const { method, operationId, summary, body, change } of holds)
    app.openapi(
      createRoute({
        method,
        path: '/v1/tenants/{idOrSlug}/legal-hold',
        operationId,
        tags: ['commands'],
        security,
        parameters: guards,
        summary,
        request: {
          params: tenantParams,
          body: documentedBody(['application/json'], body, body === holdBody, exampleReason),
        },
        responses: { 200: json(z.object({ tenant: tenantSchema }), 'The tenant'), ...changeProblems(404, 410) },
      }),
      async (c) => {
        const { role } = c.get('apiKey')
        if (role !== 'platform-admin')
          throw new FreeholdError('forbidden', `a legal hold is set and lifted by the role platform-admin, not ${role}`)
        const text = await readText(c)
        const { reason } = parseBody<{ reason?: string | undefined }>(c, text, body)
        const call = callOf(c, text)
        const named = idOrSlug(c.req.valid('param').idOrSlug)
        const { body: answer } = await runCommand(deps, call, async (sql) => {
          const tenant = await lockNamed(sql, call, named)
          await change(sql, tenant, { ...call, reason })
          return { status: 200, headers: {}, body: { tenant: await currentTenantView(sql, tenant.id) } }
        })
        c.set('tenantId', answer.tenant.id)
        return c.json(answer, 200)
      },
    )
  return app
}
