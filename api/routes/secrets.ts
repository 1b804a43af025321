import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { FreeholdError } from '../../domain/errors.ts'
import { deleteSecret, listSecrets, putSecret, secretCallHash } from '../../registry/platform-secrets.ts'
import { sqlOf } from '../../registry/pool.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, runCommand, type Call } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleReason, exampleSecretChange } from '../examples.ts'
import { reasonBody } from '../schemas.ts'
import { secretBody, secretParams, secretSchema, secretView } from '../secret-schemas.ts'
import { changeProblems, documentedBody, idempotent, json, newApp, readProblems, security } from './common.ts'

/** Secrets of the platform, which manifests refer to by name: written, listed and deleted, and never shown. */
export function secretRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const common = { tags: ['secrets'], security }
  const one = { ...common, path: '/v1/secrets/{name}', parameters: idempotent }

  app.openapi(
    createRoute({
      ...common,
      method: 'get',
      path: '/v1/secrets',
      operationId: 'listSecrets',
      summary: 'Names of all secrets of the platform; never a value',
      responses: { 200: json(z.object({ items: z.array(secretSchema) }), 'By name'), ...readProblems() },
    }),
    async (c) => c.json({ items: (await listSecrets(sqlOf(deps.orm.pool))).map(secretView) }, 200),
  )

  app.openapi(
    createRoute({
      ...one,
      method: 'put',
      operationId: 'putSecret',
      summary: 'Store a secret, or its next version, which is in force from then on',
      request: {
        params: secretParams,
        body: documentedBody(['application/json'], secretBody, true, exampleSecretChange),
      },
      responses: {
        200: json(z.object({ secret: secretSchema, created: z.boolean() }), 'Stored'),
        ...changeProblems(404),
      },
    }),
    async (c) => {
      const { call, text } = await callOfAdmin(c, deps)
      const { value, reason } = parseBody(c, text, secretBody)
      const { name } = c.req.valid('param')
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const stored = await putSecret(sql, deps.platformKey, { name, value }, { ...call, reason })
        return { status: 200, headers: {}, body: { secret: secretView(stored.secret), created: stored.created } }
      })
      return c.json(body, 200, headers)
    },
  )

  app.openapi(
    createRoute({
      ...one,
      method: 'delete',
      operationId: 'deleteSecret',
      summary: 'Delete a secret that no environment lives by',
      request: { params: secretParams, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
      responses: {
        200: json(z.object({ deleted: secretSchema }), 'What it was'),
        ...changeProblems(404),
      },
    }),
    async (c) => {
      const { call, text } = await callOfAdmin(c, deps)
      const { reason } = parseBody<{ reason?: string | undefined }>(c, text, reasonBody)
      const { name } = c.req.valid('param')
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const deleted = await deleteSecret(sql, name, { ...call, reason })
        return { status: 200, headers: {}, body: { deleted: secretView(deleted) } }
      })
      return c.json(body, 200, headers)
    },
  )

  return app
}

/** The call of an admin. What is kept to compare it with a later one tells nobody what the value may be. */
async function callOfAdmin(c: Context<ApiEnv>, { platformKey }: ApiDeps): Promise<{ call: Call; text: string }> {
  const { role } = c.get('apiKey')
  if (role !== 'platform-admin')
    throw new FreeholdError('forbidden', `secrets are stored and deleted by the role platform-admin, not ${role}`)
  const text = await readText(c)
  const call = callOf(c, text)
  return { call: { ...call, requestHash: secretCallHash(platformKey, call.requestHash) }, text }
}
