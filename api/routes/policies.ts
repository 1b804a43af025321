import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import { unknownNames } from '../../domain/policy-names.ts'
import { changePolicy, readPolicy } from '../../registry/policies.ts'
import { sqlOf } from '../../registry/pool.ts'
import { invalid, parseBody, readText } from '../body.ts'
import { callOf, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { examplePolicyChange } from '../examples.ts'
import { policyBody, policyQuery, policySchema, policyView } from '../policy-schemas.ts'
import { changeProblems, documentedBody, json, newApp, policyGuards, readProblems, security } from './common.ts'

/** The policy: the rules that every command is judged by, and each of its versions. */
export function policyRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const common = { path: '/v1/policies', tags: ['policies'], security }

  app.openapi(
    createRoute({
      ...common,
      method: 'get',
      operationId: 'getPolicy',
      summary: 'The rules in force, or those of an earlier version',
      request: { query: policyQuery },
      responses: { 200: json(policySchema, 'The rules; ETag: their version'), ...readProblems(404) },
    }),
    async (c) => {
      const policy = await readPolicy(sqlOf(deps.orm.pool), c.req.valid('query').version)
      return c.json(policyView(policy), 200, { ETag: `"${policy.version}"` })
    },
  )

  app.openapi(
    createRoute({
      ...common,
      method: 'put',
      parameters: policyGuards,
      operationId: 'applyPolicy',
      summary: 'Put rules in force instead of those that are; changes nothing when they are the same',
      request: { body: documentedBody(['application/json'], policyBody, true, examplePolicyChange) },
      responses: {
        200: json(z.object({ policy: policySchema, changed: z.boolean() }), 'In force; ETag: the version'),
        ...changeProblems(),
      },
    }),
    async (c) => {
      const { role } = c.get('apiKey')
      if (role !== 'platform-admin')
        throw new FreeholdError('forbidden', `role ${role} may not change the policy; platform-admin may`)
      const text = await readText(c)
      const { rules, reason } = parseBody(c, text, policyBody)
      const unknown = unknownNames(rules, deps.platform)
      if (unknown.length > 0)
        throw invalid(
          'body',
          unknown.map(({ path = '', message }) => ({ path: path.split('.'), message })),
        )
      const call = callOf(c, text)
      const { actor, correlationId, ifMatch } = call
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const change = { rules, reason, actor, correlationId, ifVersion: ifMatch }
        const { policy, changed } = await changePolicy(sql, change)
        const etag = { ETag: `"${policy.version}"` }
        return { status: 200, headers: etag, body: { policy: policyView(policy), changed } }
      })
      return c.json(body, 200, headers)
    },
  )

  return app
}
