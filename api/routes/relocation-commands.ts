import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { acceptOperation, type Requester } from '../../operations/accept.ts'
import { endingParameters, tellApproval } from '../../operations/relocation-end.ts'
import { abortOperation } from '../../operations/retry-and-abort.ts'
import { lockOperation, type TenantFacts } from '../../operations/rows.ts'
import type { OperationRow } from '../../registry/entities/operation.ts'
import type { RelocationRow } from '../../registry/entities/relocation.ts'
import { approveRelocation, findRelocation } from '../../registry/relocations.ts'
import type { Sql } from '../../registry/sql.ts'
import { operationAnswer } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleReason } from '../examples.ts'
import { relocationAnswer } from '../relocation-schemas.ts'
import { relocationView, requireAllowed } from '../relocation-view.ts'
import { reasonBody } from '../schemas.ts'
import {
  changeProblems,
  documentedBody,
  guards,
  idOrSlug,
  json,
  newApp,
  relocationParams,
  relocationsPath,
  security,
} from './common.ts'

/** What is done to a move, and what its workflow is to be told of it. */
type Done = { readonly operation: OperationRow; readonly tell: 'start' | 'cancel' | 'nothing' }
type Command = {
  readonly name: 'approve' | 'abort' | 'rollback' | 'complete'
  readonly summary: string
  readonly give: (sql: Sql, tenant: TenantFacts, relocation: RelocationRow, by: Requester) => Promise<Done>
}

/** An operation of its own, with what it needs to know of the move. */
const ending =
  (kind: 'rollback' | 'complete'): Command['give'] =>
  async (sql, tenant, relocation, by) => ({
    operation: await acceptOperation(sql, tenant, { kind, parameters: endingParameters(relocation) }, by),
    tell: 'start',
  })

const commands: readonly Command[] = [
  {
    name: 'approve',
    summary: 'Give the word for the cut of a move that waits for it',
    async give(sql, _, { id }, by) {
      await approveRelocation(sql, id, by.actor)
      const { operation } = await lockOperation(sql, id)
      await tellApproval(sql, operation, by)
      return { operation, tell: 'nothing' }
    },
  },
  {
    name: 'abort',
    summary: 'Give a move up that is under way: the tenant is where it was, with every write made since',
    async give(sql, _, { id }, by) {
      const held = await lockOperation(sql, id)
      const tell = held.operation.state === 'running' ? 'cancel' : 'start'
      return { operation: await abortOperation(sql, held, by), tell }
    },
  },
  {
    name: 'rollback',
    summary: 'Take the tenant back to where it was, with every write made since',
    give: ending('rollback'),
  },
  {
    name: 'complete',
    summary: 'End a move for good: the old placement goes, and there is no way back any more',
    give: ending('complete'),
  },
]

/** What can be done to a move that is there. */
export function relocationCommandRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  for (const { name, summary, give } of commands)
    app.openapi(
      createRoute({
        method: 'post',
        path: `${relocationsPath}/{relocation}/${name}`,
        operationId: `${name}Relocation`,
        tags: ['relocations'],
        security,
        parameters: guards,
        summary,
        request: {
          params: relocationParams,
          body: documentedBody(['application/json'], reasonBody, false, exampleReason),
        },
        responses: { 202: json(relocationAnswer, 'Accepted; Location: the operation'), ...changeProblems(404, 410) },
      }),
      async (c) => {
        const text = await readText(c)
        const { reason } = parseBody(c, text, reasonBody)
        const params = c.req.valid('param')
        const call = callOf(c, text)
        const { body, headers } = await runCommand(deps, call, async (sql) => {
          const tenant = await lockNamed(sql, call, idOrSlug(params.idOrSlug))
          const relocation = await findRelocation(sql, tenant.id, params.relocation)
          requireAllowed(relocation, name)
          const { operation, tell } = await give(sql, tenant, relocation, { ...call, reason })
          const accepted = operationAnswer(deps, tenant, operation, tell)
          const now = await findRelocation(sql, tenant.id, relocation.id)
          return { ...accepted, body: { ...accepted.body, relocation: relocationView(now) } }
        })
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      },
    )
  return app
}
