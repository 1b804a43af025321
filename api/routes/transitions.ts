import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { OperationKind } from '../../domain/operation.ts'
import { acceptOperation, requireTenantId, type Requester } from '../../operations/accept.ts'
import { abortOperation, lockCurrent, retryOperation } from '../../operations/retry-and-abort.ts'
import { kindOf, kinds } from '../../operations/kinds/index.ts'
import type { Sql } from '../../registry/sql.ts'
import { operationAnswer } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, requireGeneration, runCommand, type Accepted, type Call } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleReason } from '../examples.ts'
import { operationSchema, reasonBody } from '../schemas.ts'
import type { OperationView } from '../views.ts'
import {
  changeProblems,
  documentedBody,
  guards,
  idOrSlug,
  json,
  newApp,
  security,
  tenantParams,
  transition,
} from './common.ts'

type Command = {
  readonly name: string
  readonly summary: string
  readonly accept: (sql: Sql, call: Call & Requester, tenant: string) => Promise<Accepted<{ operation: OperationView }>>
}

/**
 * Commands that need a reason at most: every plain kind of the table of operations, and what can be done to an operation
 * that is there already.
 */
export function transitionRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  for (const { name, summary, accept } of [...plainKinds(deps), ...ofOperations(deps)])
    app.openapi(
      createRoute({
        method: 'post',
        path: `/v1/tenants/{idOrSlug}/${name}`,
        tags: ['commands'],
        security,
        parameters: guards,
        ...transition(name, summary),
        request: { params: tenantParams, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
        responses: {
          202: json(z.object({ operation: operationSchema }), 'Accepted; Location: the operation'),
          ...changeProblems(404, 410, 422),
        },
      }),
      async (c) => {
        const text = await readText(c)
        const { reason } = parseBody(c, text, reasonBody)
        const tenant = idOrSlug(c.req.param('idOrSlug') ?? '')
        const call = callOf(c, text)
        const { body, headers } = await runCommand(deps, call, (sql) => accept(sql, { ...call, reason }, tenant))
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      },
    )
  return app
}

function plainKinds(deps: ApiDeps): Command[] {
  return (Object.keys(kinds) as OperationKind[]).flatMap((kind) => {
    const { summary } = kindOf(kind)
    if (summary === undefined) return []
    const accept: Command['accept'] = async (sql, call, named) => {
      const tenant = await lockNamed(sql, call, named)
      return operationAnswer(deps, tenant, await acceptOperation(sql, tenant, { kind }, call), 'start')
    }
    return [{ name: kind, summary, accept }]
  })
}

function ofOperations(deps: ApiDeps): Command[] {
  const current = async (sql: Sql, call: Call, named: string, prefer: 'interrupted' | 'exclusive') => {
    const held = await lockCurrent(sql, await requireTenantId(sql, named), prefer)
    requireGeneration(call, held.tenant)
    return held
  }
  return [
    {
      name: 'retry',
      summary: 'Roll the interrupted or failed operation forward again',
      async accept(sql, call, named) {
        const held = await current(sql, call, named, 'interrupted')
        return operationAnswer(deps, held.tenant, await retryOperation(sql, held, call), 'start')
      },
    },
    {
      name: 'abort',
      summary: 'Have the open operation undo what it made',
      async accept(sql, call, named) {
        const held = await current(sql, call, named, 'exclusive')
        const told = { running: 'cancel', scheduled: 'nothing' } as const
        const tell = held.operation.state in told ? told[held.operation.state as keyof typeof told] : 'start'
        return operationAnswer(deps, held.tenant, await abortOperation(sql, held, call), tell)
      },
    },
  ]
}
